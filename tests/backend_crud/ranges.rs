//! Ranges, prefixes and leading parts, from both ends.

use std::{
    collections::BTreeSet,
    ops::Bound::{self, Excluded, Included, Unbounded},
};

use netabase_store::{Backend, Query, Result, Store};
use netabase_tests::{
    Customer, CustomerAgeSecondaryKey, CustomerEmailSecondaryKey, CustomerNicknameSecondaryKey,
    CustomerPrimaryKey, Picture, PicturePrimaryKey, PictureThumbnailSecondaryKey, Random, Setting,
    ShopDefinition, customer, setting,
};

type Shop<B> = Store<ShopDefinition, B>;

on_every_engine! { netabase_tests::ShopDefinition:
    every_pair_of_bounds_selects_what_a_set_does,
    every_pair_of_bounds_over_an_index_selects_what_a_filter_does,
    every_range_type_is_understood,
    an_empty_or_inverted_range_is_empty,
    a_range_up_to_the_maximum_includes_it,
    a_range_over_text_takes_borrowed_ends,
    a_prefix_selects_the_text_that_begins_with_it,
    a_prefix_of_0xff_only_selects_up_to_the_end,
    a_reversed_query_yields_the_same_from_the_other_end,
    two_ends_of_a_query_meet_and_share_nothing,
    keys_and_count_agree_with_the_records,
    a_finished_query_stays_finished,
    queries_on_an_empty_tree_are_empty,
}

type Found<B> = Query<ShopDefinition, Customer, B>;

fn ids<B: Backend>(query: Found<B>) -> Result<Vec<u64>> {
    query
        .map(|found| found.map(|(CustomerPrimaryKey(id), _)| id))
        .collect()
}

fn bounds(ends: &[u64]) -> Vec<Bound<u64>> {
    let both = ends.iter().flat_map(|end| [Included(*end), Excluded(*end)]);
    both.chain([Unbounded]).collect()
}

/// Whether a key lies between two bounds, also where those are the wrong way round.
fn lies(key: u64, (lower, upper): (Bound<u64>, Bound<u64>)) -> bool {
    let above = match lower {
        Included(end) => key >= end,
        Excluded(end) => key > end,
        Unbounded => true,
    };
    let below = match upper {
        Included(end) => key <= end,
        Excluded(end) => key < end,
        Unbounded => true,
    };
    above && below
}

fn every_pair_of_bounds_selects_what_a_set_does<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    let stored = BTreeSet::from([0, 1, 2, 255, 256, 257, 1 << 40, u64::MAX - 1, u64::MAX]);
    customers.put_many(stored.iter().map(|id| customer(*id)))?;
    let ends = bounds(&[0, 1, 3, 255, 256, 1000, 1 << 40, u64::MAX - 1, u64::MAX]);
    for lower in &ends {
        for upper in &ends {
            let range = (*lower, *upper);
            let expected: Vec<_> = stored
                .iter()
                .copied()
                .filter(|id| lies(*id, range))
                .collect();
            assert_eq!(ids(customers.range(range))?, expected, "{range:?}");
            let reversed: Vec<_> = expected.iter().rev().copied().collect();
            assert_eq!(ids(customers.range(range).rev())?, reversed, "{range:?}");
            let count = customers.range(range).count()?;
            assert_eq!(count, u64::try_from(expected.len()).unwrap_or(u64::MAX));
        }
    }
    Ok(())
}

fn every_pair_of_bounds_over_an_index_selects_what_a_filter_does<B: Backend>(
    store: Shop<B>,
) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    let ages = [0, 1, 17, 17, 18, 255, 256, u32::MAX - 1, u32::MAX, u32::MAX];
    let aged = (0..).zip(ages).map(|(id, age)| Customer {
        age,
        ..customer(id)
    });
    let aged: Vec<_> = aged.collect();
    customers.put_many(aged.clone())?;
    let ends = [0, 1, 17, 18, 100, 256, u32::MAX];
    let both = ends.iter().flat_map(|end| [Included(*end), Excluded(*end)]);
    let ends: Vec<_> = both.chain([Unbounded]).collect();
    let index = customers.index::<CustomerAgeSecondaryKey>();
    for lower in &ends {
        for upper in &ends {
            let wide = (lower.map(u64::from), upper.map(u64::from));
            let expected = aged
                .iter()
                .filter(|customer| lies(customer.age.into(), wide));
            let expected: Vec<_> = expected.map(|customer| customer.id).collect();
            assert_eq!(ids(index.range((*lower, *upper)))?, expected, "{wide:?}");
        }
    }
    Ok(())
}

fn every_range_type_is_understood<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..10).map(customer))?;
    assert_eq!(ids(customers.range(..))?.len(), 10);
    assert_eq!(ids(customers.range(3..5))?, [3, 4]);
    assert_eq!(ids(customers.range(3..=5))?, [3, 4, 5]);
    assert_eq!(ids(customers.range(8..))?, [8, 9]);
    assert_eq!(ids(customers.range(..2))?, [0, 1]);
    assert_eq!(ids(customers.range(..=2))?, [0, 1, 2]);
    assert_eq!(ids(customers.range((Excluded(6), Unbounded)))?, [7, 8, 9]);
    assert_eq!(
        ids(customers.range(CustomerPrimaryKey(3)..CustomerPrimaryKey(5)))?,
        [3, 4]
    );
    Ok(())
}

fn an_empty_or_inverted_range_is_empty<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..10).map(customer))?;
    let inverted = (Included(7), Included(3));
    for range in [
        (Included(5), Excluded(5)),
        (Excluded(5), Excluded(5)),
        (Excluded(5), Included(5)),
        (Excluded(5), Excluded(6)),
        inverted,
    ] {
        assert_eq!(ids(customers.range(range))?, [], "{range:?}");
        assert_eq!(ids(customers.range(range).rev())?, [], "{range:?}");
        assert_eq!(customers.range(range).count()?, 0);
        assert_eq!(customers.range(range).page(3, None)?.items, []);
    }
    let ages = customers.index::<CustomerAgeSecondaryKey>();
    assert_eq!(ages.range((Included(40), Excluded(20))).count()?, 0);
    let txn = store.begin_write()?;
    let inside = txn.open_tree::<Customer>();
    inside.put(customer(20))?;
    assert_eq!(ids(inside.range(inverted))?, []);
    Ok(())
}

fn a_range_up_to_the_maximum_includes_it<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many([
        customer(0),
        Customer {
            age: u32::MAX,
            ..customer(u64::MAX)
        },
    ])?;
    assert_eq!(ids(customers.range(..=u64::MAX))?, [0, u64::MAX]);
    assert_eq!(ids(customers.range(u64::MAX..=u64::MAX))?, [u64::MAX]);
    assert_eq!(ids(customers.range(..u64::MAX))?, [0]);
    assert_eq!(ids(customers.range((Excluded(u64::MAX), Unbounded)))?, []);
    let ages = customers.index::<CustomerAgeSecondaryKey>();
    assert_eq!(ids(ages.range(..=u32::MAX))?, [0, u64::MAX]);
    assert_eq!(ids(ages.get(u32::MAX))?, [u64::MAX]);
    assert_eq!(ids(ages.range((Excluded(u32::MAX), Unbounded)))?, []);
    Ok(())
}

fn a_range_over_text_takes_borrowed_ends<B: Backend>(store: Shop<B>) -> Result<()> {
    let settings = store.open_tree::<Setting>();
    settings.put_many(["", "a", "a\0", "aa", "ab", "b"].map(setting))?;
    assert_eq!(settings.range("a".."b").count()?, 4);
    assert_eq!(settings.range("a"..="a").count()?, 1);
    assert_eq!(settings.range((Excluded("a"), Excluded("aa"))).count()?, 1);
    assert_eq!(settings.range(.."a".to_owned()).count()?, 1);
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..10).map(customer))?;
    let emails = customers.index::<CustomerEmailSecondaryKey>();
    assert_eq!(ids(emails.range("c3".."c5"))?, [3, 4]);
    Ok(())
}

fn a_prefix_selects_the_text_that_begins_with_it<B: Backend>(store: Shop<B>) -> Result<()> {
    let settings = store.open_tree::<Setting>();
    let names = [
        "",
        "a",
        "a\0",
        "a\0\0b",
        "ab",
        "a\u{10ffff}",
        "b",
        "\u{10ffff}",
        "\u{10ffff}x",
    ];
    settings.put_many(names.map(setting))?;
    for prefix in names.iter().chain(&["a\0\0", "abc", "\u{10fffe}"]) {
        let expected = names.iter().filter(|name| name.starts_with(prefix)).count();
        let expected = u64::try_from(expected).unwrap_or(u64::MAX);
        assert_eq!(settings.prefix(*prefix).count()?, expected, "{prefix:?}");
    }
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..30).map(customer))?;
    let emails = customers.index::<CustomerEmailSecondaryKey>();
    assert_eq!(emails.prefix("c1").count()?, 11);
    let nicknames = customers.index::<CustomerNicknameSecondaryKey>();
    assert_eq!(nicknames.prefix("nick").count()?, 10);
    assert_eq!(
        nicknames.prefix("nick6").rev().keys().next().transpose()?,
        Some(CustomerPrimaryKey(27))
    );
    Ok(())
}

fn a_prefix_of_0xff_only_selects_up_to_the_end<B: Backend>(store: Shop<B>) -> Result<()> {
    let pictures = store.open_tree::<Picture>();
    let hashes: [&[u8]; 6] = [
        &[],
        &[0],
        &[0xFE],
        &[0xFF],
        &[0xFF, 0xFF],
        &[0xFF, 0xFF, 0xFF],
    ];
    let picture = |hash: &[u8]| Picture {
        hash: hash.to_vec(),
        thumbnail: Some(hash.to_vec()),
    };
    pictures.put_many(hashes.map(picture))?;
    let thumbnails = pictures.index::<PictureThumbnailSecondaryKey>();
    for (prefix, expected) in [
        (&[][..], 6),
        (&[0xFE], 1),
        (&[0xFF], 3),
        (&[0xFF, 0xFF], 2),
        (&[0xFF; 4], 0),
    ] {
        assert_eq!(pictures.prefix(prefix).count()?, expected, "{prefix:?}");
        assert_eq!(thumbnails.prefix(prefix).count()?, expected, "{prefix:?}");
    }
    let last = pictures.iter().rev().keys().next().transpose()?;
    assert_eq!(last, Some(PicturePrimaryKey(vec![0xFF; 3])));
    Ok(())
}

fn a_reversed_query_yields_the_same_from_the_other_end<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..600).map(customer))?;
    let mut expected = ids(customers.iter())?;
    expected.reverse();
    assert_eq!(ids(customers.iter().rev())?, expected);
    expected.reverse();
    assert_eq!(ids(customers.iter().rev().rev())?, expected);
    let ages = customers.index::<CustomerAgeSecondaryKey>();
    let mut forward = ids(ages.range(20..30))?;
    forward.reverse();
    assert_eq!(ids(ages.range(20..30).rev())?, forward);
    Ok(())
}

fn two_ends_of_a_query_meet_and_share_nothing<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..200).map(customer))?;
    let mut random = Random::new(1);
    for round in 0..20 {
        let mut query = customers.range(round..200 - round);
        let (mut front, mut back) = (Vec::new(), Vec::new());
        loop {
            let from_front = random.one_in(2);
            let next = if from_front {
                query.next()
            } else {
                query.next_back()
            };
            let Some(found) = next.transpose()? else {
                break;
            };
            if from_front { &mut front } else { &mut back }.push(found.0.0);
        }
        assert!(query.next().is_none() && query.next_back().is_none());
        front.extend(back.iter().rev());
        assert_eq!(front, (round..200 - round).collect::<Vec<_>>());
    }
    Ok(())
}

fn keys_and_count_agree_with_the_records<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..100).map(customer))?;
    let index = customers.index::<CustomerAgeSecondaryKey>();
    for query in [|| (18_u32, 67_u32), || (30, 40), || (67, 18)] {
        let (lower, upper) = query();
        let range = (Included(lower), Included(upper));
        let records = ids(index.range(range))?;
        let keys = index
            .range(range)
            .keys()
            .map(|key| key.map(|CustomerPrimaryKey(id)| id));
        assert_eq!(keys.collect::<Result<Vec<_>>>()?, records);
        let keys = index
            .range(range)
            .keys()
            .rev()
            .map(|key| key.map(|CustomerPrimaryKey(id)| id));
        assert!(
            keys.collect::<Result<Vec<_>>>()?
                .iter()
                .eq(records.iter().rev())
        );
        assert_eq!(
            index.range(range).count()?,
            u64::try_from(records.len()).unwrap_or(u64::MAX)
        );
    }
    Ok(())
}

fn a_finished_query_stays_finished<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put(customer(1))?;
    let mut query = customers.iter();
    assert!(query.next().is_some());
    for _ in 0..3 {
        assert!(query.next().is_none());
        assert!(query.next_back().is_none());
    }
    let mut keys = customers.iter().keys();
    assert!(keys.next_back().is_some());
    assert!(keys.next().is_none() && keys.next_back().is_none());
    Ok(())
}

fn queries_on_an_empty_tree_are_empty<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    assert_eq!(ids(customers.iter())?, []);
    assert_eq!(ids(customers.range(3..).rev())?, []);
    assert_eq!(
        customers
            .index::<CustomerAgeSecondaryKey>()
            .get(3)
            .count()?,
        0
    );
    assert_eq!(
        customers
            .index::<CustomerEmailSecondaryKey>()
            .prefix("")
            .keys()
            .count(),
        0
    );
    assert_eq!(customers.iter().page(10, None)?.items, []);
    Ok(())
}

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What is done to the index: a key, and for a row that is put its size, expiry and owner.
type Step = (u8, Option<(u8, Option<u8>, bool)>);

fn at(key: u8) -> Place {
    Place::of(&[key])
}

fn meta(bytes: u8, expires: Option<u8>) -> Meta {
    Meta::new(usize::from(bytes), expires.map(|at| u64::from(at) * NANOS))
}

/// The rows that a plain map says there are.
type Model = BTreeMap<Place, (u8, Option<u8>, bool)>;

fn check(index: &Index, model: &Model) -> Result<(), TestCaseError> {
    let others = || model.iter().filter(|(_, (.., is_own))| !is_own);
    prop_assert_eq!(index.len(), model.len());
    prop_assert_eq!(index.others_len(), others().count());
    let bytes = others()
        .map(|(_, (bytes, ..))| u64::from(*bytes))
        .sum::<u64>();
    prop_assert_eq!(index.others_bytes(), bytes);
    for (than, max, count) in [(Place::FIRST, 3, 2), (at(7), 64, 4)] {
        let farther = others().rev().filter(|(at, _)| **at > than);
        let right: Vec<_> = farther.map(|(at, _)| *at).take(count).collect();
        let found = index.farthest(than, max, |rows, _| rows >= count);
        prop_assert_eq!(found, Some(right).filter(|right| right.len() == count));
    }
    let all = index.farthest(Place::FIRST, 64, |_, gone| gone >= bytes);
    let enough = all.iter().flatten().filter_map(|at| model.get(at));
    prop_assert_eq!(enough.map(|row| u64::from(row.0)).sum::<u64>(), bytes);
    prop_assert!(
        index
            .farthest(Place::FIRST, 3, |rows, _| rows > 3)
            .is_none()
    );
    for second in [0_u8, 100, 255] {
        let now = u64::from(second) * NANOS;
        let expired = |at: &Place| matches!(model.get(at), Some((_, Some(at), _)) if u64::from((*at).max(1)) <= u64::from(second));
        let first = others()
            .filter(|(at, _)| expired(at))
            .map(|(_, (_, at, _))| at.map(|at| at.max(1)));
        let found = index.first_expired_of_others(now, at(255));
        prop_assert_eq!(
            found.map(|at| model.get(&at).and_then(|row| row.1).map(|at| at.max(1))),
            first.min()
        );
        let next = found.and_then(|first| index.first_expired_of_others(now, first));
        let count = others().filter(|(at, _)| expired(at)).count();
        prop_assert_eq!(next.is_some_and(|next| expired(&next)), count > 1);
        prop_assert!(next.is_none() || next != found);
        prop_assert_eq!(
            index.first_expired(now).is_some(),
            model.keys().any(expired)
        );
    }
    for key in 0..30 {
        let known = model.get(&at(key));
        let found = index.get(at(key));
        prop_assert_eq!(index.contains(at(key)), known.is_some());
        prop_assert_eq!(
            found.map(|(_, owner)| owner == Owner::This),
            known.map(|row| row.2)
        );
        prop_assert_eq!(
            found.map(|(meta, _)| meta.bytes),
            known.map(|row| u32::from(row.0))
        );
        let next = model.range(at(key)..).next().map(|(at, _)| *at);
        prop_assert_eq!(index.at_or_after(at(key)), next);
    }
    Ok(())
}

proptest! {
    #[test]
    fn an_index_knows_what_a_plain_map_knows(
        steps in proptest::collection::vec(
            (0..30_u8, proptest::option::weighted(0.7, any::<(u8, Option<u8>, bool)>())),
            0..60,
        ),
    ) {
        let steps: Vec<Step> = steps;
        let (mut index, mut model) = (Index::default(), Model::new());
        for (key, put) in steps {
            if let Some((bytes, expires, is_own)) = put {
                let owner = if is_own { Owner::This } else { Owner::Other };
                index.insert(at(key), meta(bytes, expires), owner);
                model.insert(at(key), (bytes, expires, is_own));
            } else {
                let removed = index.remove(at(key)).is_some();
                prop_assert_eq!(removed, model.remove(&at(key)).is_some());
            }
            check(&index, &model)?;
        }
        // Filled at once it is the same, and goes on.
        let mut filled = Index::default();
        let (own, others): (Vec<_>, Vec<_>) = model
            .iter()
            .map(|(at, (bytes, expires, is_own))| (*is_own, (*at, meta(*bytes, *expires))))
            .partition(|(is_own, _)| *is_own);
        let rows = |rows: Vec<(bool, (Place, Meta))>| rows.into_iter().map(|(_, row)| row).collect();
        let displaced = filled.fill(rows(own), rows(others));
        prop_assert!(displaced.is_empty());
        check(&filled, &model)?;
        for key in 0..30 {
            filled.remove(at(key));
            model.remove(&at(key));
            check(&filled, &model)?;
        }
        prop_assert_eq!(filled.others.expiring.free.len(), filled.others.expiring.places.len());
    }
}

#[test]
fn of_rows_at_one_place_the_later_one_stays_and_that_of_the_node_before_others() {
    let mut index = Index::default();
    let displaced = index.fill(
        vec![(at(1), meta(1, None))],
        vec![
            (at(1), meta(2, Some(9))),
            (at(2), meta(3, Some(9))),
            (at(2), meta(4, None)),
        ],
    );
    let sizes: Vec<_> = displaced.iter().map(|meta| meta.bytes).collect();
    assert_eq!(sizes, [3, 2]);
    assert_eq!(
        (index.len(), index.others_len(), index.others_bytes()),
        (2, 1, 4)
    );
    assert!(!index.has_expiring());
}

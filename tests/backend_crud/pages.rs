//! Pages: a query in steps, with a cursor that outlives the program.

use netabase_store::{Backend, Cursor, Query, Result, Store, StoreError};
use netabase_tests::{
    Customer, CustomerAgeSecondaryKey, CustomerPrimaryKey, CustomerTagsSecondaryKey, Setting,
    ShopDefinition, customer, refusal,
};

type Shop<B> = Store<ShopDefinition, B>;

on_every_engine! { netabase_tests::ShopDefinition:
    pages_forward_and_backward_show_every_record_once,
    pages_of_an_index_tell_equal_values_apart,
    a_cursor_is_stored_as_text_or_bytes,
    an_exactly_full_last_page_has_no_next,
    a_page_larger_than_the_query_has_no_next,
    a_page_of_none_keeps_the_cursor,
    a_cursor_of_another_query_is_refused,
    pages_go_on_whatever_is_written_in_between,
    a_cursor_beyond_the_range_gives_an_empty_page,
}

type Found<B> = Query<ShopDefinition, Customer, B>;

/// Reads a query page by page, with the cursor as text in between.
fn read<B: Backend>(limit: usize, query: impl Fn() -> Result<Found<B>>) -> Result<Vec<u64>> {
    let (mut ids, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let parsed = cursor.map(|text| text.parse::<Cursor>()).transpose()?;
        let page = query()?.page(limit, parsed.as_ref())?;
        assert!(page.items.len() <= limit);
        ids.extend(page.items.into_iter().map(|(CustomerPrimaryKey(id), _)| id));
        match page.next {
            Some(next) => cursor = Some(next.to_string()),
            None => return Ok(ids),
        }
    }
}

fn pages_forward_and_backward_show_every_record_once<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..100).map(customer))?;
    for limit in [1, 7, 10, 99, 100, 101] {
        assert_eq!(
            read(limit, || Ok(customers.iter()))?,
            (0..100).collect::<Vec<_>>()
        );
        let backward = read(limit, || Ok(customers.iter().rev()))?;
        assert_eq!(backward, (0..100).rev().collect::<Vec<_>>());
        assert_eq!(
            read(limit, || Ok(customers.range(20..30)))?,
            (20..30).collect::<Vec<_>>()
        );
    }
    Ok(())
}

fn pages_of_an_index_tell_equal_values_apart<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..60).map(|id| Customer {
        age: 30,
        ..customer(id)
    }))?;
    let ages = customers.index::<CustomerAgeSecondaryKey>();
    assert_eq!(read(7, || Ok(ages.get(30)))?, (0..60).collect::<Vec<_>>());
    let tags = customers.index::<CustomerTagsSecondaryKey>();
    let all = tags
        .iter()
        .map(|found| found.map(|(CustomerPrimaryKey(id), _)| id));
    let all: Vec<_> = all.collect::<Result<_>>()?;
    assert_eq!(read(7, || Ok(tags.iter()))?, all);
    assert_eq!(
        read(7, || Ok(tags.iter().rev()))?,
        all.into_iter().rev().collect::<Vec<_>>()
    );
    Ok(())
}

fn a_cursor_is_stored_as_text_or_bytes<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..10).map(customer))?;
    let next = customers.iter().page(3, None)?.next;
    let cursor = next.expect("more than three records");
    assert_eq!(cursor.to_string().parse::<Cursor>()?, cursor);
    assert_eq!(Cursor::from_bytes(cursor.as_bytes()), cursor);
    for text in ["x", "0", "0g", "+1", "\u{e9}\u{e9}"] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
    Ok(())
}

fn an_exactly_full_last_page_has_no_next<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..10).map(customer))?;
    let page = customers.iter().page(5, None)?;
    let next = page.next.expect("five more records");
    let last = customers.iter().page(5, Some(&next))?;
    assert_eq!(last.items.len(), 5);
    assert_eq!(last.next, None);
    assert_eq!(customers.iter().page(10, None)?.next, None);
    Ok(())
}

fn a_page_larger_than_the_query_has_no_next<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..3).map(customer))?;
    let page = customers.iter().page(usize::MAX, None)?;
    assert_eq!(page.items.len(), 3);
    assert_eq!(page.next, None);
    Ok(())
}

fn a_page_of_none_keeps_the_cursor<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..3).map(customer))?;
    let next = customers.iter().page(1, None)?.next;
    assert!(next.is_some());
    let page = customers.iter().page(0, next.as_ref())?;
    assert_eq!((page.items.len(), page.next), (0, next));
    Ok(())
}

fn a_cursor_of_another_query_is_refused<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..10).map(customer))?;
    let next = customers.iter().page(1, None)?.next;
    let cursor = next.expect("nine more records");
    let ages = customers.index::<CustomerAgeSecondaryKey>();
    let refused = [
        refusal(customers.iter().rev().page(1, Some(&cursor))),
        refusal(ages.iter().page(1, Some(&cursor))),
        refusal(store.open_tree::<Setting>().iter().page(1, Some(&cursor))),
        refusal(customers.iter().page(1, Some(&Cursor::from_bytes([])))),
        refusal(customers.iter().page(1, Some(&Cursor::from_bytes([9; 20])))),
    ];
    for refused in refused {
        assert!(matches!(refused, StoreError::Cursor { .. }), "{refused}");
    }
    Ok(())
}

fn pages_go_on_whatever_is_written_in_between<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..40).step_by(2).map(customer))?;
    let page = customers.iter().page(5, None)?;
    // The last record of the page goes, others come before and after the cursor.
    customers.remove(8)?;
    customers.remove(10)?;
    customers.put_many([customer(3), customer(9), customer(11)])?;
    let page = customers.iter().page(3, page.next.as_ref())?;
    let ids: Vec<_> = page.items.iter().map(|(_, customer)| customer.id).collect();
    assert_eq!(ids, [9, 11, 12]);
    customers.clear()?;
    let page = customers.iter().page(3, page.next.as_ref())?;
    assert_eq!((page.items.len(), page.next), (0, None));
    Ok(())
}

fn a_cursor_beyond_the_range_gives_an_empty_page<B: Backend>(store: Shop<B>) -> Result<()> {
    let customers = store.open_tree::<Customer>();
    customers.put_many((0..10).map(customer))?;
    let next = customers.iter().page(8, None)?.next;
    let page = customers.range(..5).page(3, next.as_ref())?;
    assert_eq!((page.items.len(), page.next), (0, None));
    // Before the range it changes nothing.
    let early = customers.iter().page(1, None)?.next;
    assert_eq!(
        customers.range(5..7).page(3, early.as_ref())?.items.len(),
        2
    );
    Ok(())
}

//! Pages out of long ranges: what the first rows cost when many more follow.

use std::{path::Path, time::Instant};

use netabase_store::{
    Durability, RedbStore, Store, StoreOptions, backends::redb::RedbBackend,
    netabase_definition_module,
};

use super::{
    Random,
    report::{head, median, row},
};

const ROWS: u64 = 1_000_000;
const BATCH: u64 = 100_000;
const PAGE: usize = 20;
const PAGES: usize = 2_000;
const CURSORS: u64 = 100;

#[netabase_definition_module(PageDefinition, PageKeys)]
pub mod model {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(PageDefinition)]
    pub struct Event {
        #[primary_key]
        pub id: u64,
        #[secondary_key]
        pub at: u64,
    }
}
use model::{Event, EventAtSecondaryKey, PageDefinition};

/// Measures pages of a store of a million small records on redb, in microseconds a page.
#[must_use]
pub fn run(folder: &Path) -> String {
    let files = tempfile::tempdir_in(folder).unwrap();
    let store = load(files.path());
    let tree = store.open_tree::<Event>();
    let index = || tree.index::<EventAtSecondaryKey>();
    let mut table = head("page of 20, microseconds", &["median", "99th percentile"]);
    let mut add = |title: &str, page: &dyn Fn(u64) -> usize| {
        let times = times(page);
        let slowest = times[times.len() * 99 / 100];
        let cells = [median(&times), slowest].map(|time| format!("{time:.1}"));
        row(&mut table, title, cells.into_iter());
    };
    add("first, primary key range", &|from| {
        tree.range(from..).page(PAGE, None).unwrap().items.len()
    });
    add("first, index range", &|from| {
        index().range(from..).page(PAGE, None).unwrap().items.len()
    });
    add("last, index range", &|from| {
        let last = index().range(from..).rev();
        last.page(PAGE, None).unwrap().items.len()
    });
    add("first, index range, keys only", &|from| {
        index().range(from..).keys().take(PAGE).flatten().count()
    });
    let cursor = |from| index().range(from..).page(PAGE, None).unwrap().next;
    let cursors: Vec<_> = (0..CURSORS).map(|at| cursor(at * ROWS / 128)).collect();
    add("next, index range", &|from| {
        let cursor = &cursors[(from % CURSORS) as usize];
        let found = index().range(0..);
        found.page(PAGE, cursor.as_ref()).unwrap().items.len()
    });
    table
}

/// The sorted microseconds of pages; each range has the second half of the rows, and more.
fn times(page: &dyn Fn(u64) -> usize) -> Vec<f64> {
    let mut random = Random::new(3);
    let mut times: Vec<f64> = (0..PAGES)
        .map(|_| {
            let from = random.below(ROWS / 2);
            let begun = Instant::now();
            let found = page(from);
            let time = begun.elapsed().as_secs_f64() * 1e6;
            assert_eq!(found, PAGE);
            time
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

fn load(folder: &Path) -> Store<PageDefinition, RedbBackend> {
    let options = StoreOptions::new().durability(Durability::None);
    let store = RedbStore::new_with(folder.join("pages.redb"), &options).unwrap();
    let tree = store.open_tree::<Event>();
    // An odd factor: the index is in another order than the records.
    let event = |id: u64| Event {
        id,
        at: id.wrapping_mul(7_777_777) % ROWS,
    };
    for from in (0..ROWS).step_by(BATCH as usize) {
        tree.put_many((from..from + BATCH).map(event)).unwrap();
    }
    store.flush().unwrap();
    drop((tree, store));
    RedbStore::open(folder.join("pages.redb")).unwrap()
}

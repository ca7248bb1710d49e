use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
    thread,
};

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

use super::{Live, Versioned, rows::VersionedRows};
use crate::backends::{
    Backend, End, Rows, Snapshot, Span, TableId, TableSet, WriteSet, memory::MemoryBackend,
};

type Table = BTreeMap<Vec<u8>, Vec<u8>>;
type Edit = (Vec<u8>, Option<Vec<u8>>);
type Expected = VecDeque<(Vec<u8>, Vec<u8>)>;
type View<L> = Arc<<Versioned<L> as Backend>::Snapshot>;

const TABLES: usize = 3;

/// A store, and what every view of it must show.
struct World<L: Live> {
    backend: Versioned<L>,
    set: Arc<TableSet>,
    now: Vec<Table>,
    views: Vec<(View<L>, Vec<Table>)>,
    walks: Vec<(VersionedRows<L>, Expected)>,
}

impl<L: Live> World<L> {
    fn new(backend: Versioned<L>) -> Self {
        let names = (0..TABLES).map(|table| format!("table {table}")).collect();
        let set = Arc::new(TableSet::new(names));
        let now = vec![Table::new(); TABLES];
        Self {
            backend,
            set,
            now,
            views: Vec::new(),
            walks: Vec::new(),
        }
    }

    fn commit(&mut self, edits: &[(usize, Edit)]) {
        let mut writes = WriteSet::default();
        for (table, (key, value)) in edits {
            let id = TableId(u16::try_from(*table).unwrap());
            let edits = Arc::make_mut(writes.tables.entry(id).or_default());
            edits.insert(key.clone().into(), value.clone().map(Into::into));
            match value {
                Some(value) => self.now[*table].insert(key.clone(), value.clone()),
                None => self.now[*table].remove(key),
            };
        }
        self.backend.apply(&self.set, writes, false).unwrap();
    }

    fn put(&mut self, table: usize, key: &str, value: &str) {
        self.commit(&[(table, (key.into(), Some(value.into())))]);
    }

    fn view(&mut self) {
        let view = Arc::new(self.backend.snapshot(&self.set).unwrap());
        self.views.push((view, self.now.clone()));
    }

    fn check(&self, view: usize) {
        let (view, expected) = &self.views[view];
        for (table, expected) in expected.iter().enumerate() {
            let id = TableId(u16::try_from(table).unwrap());
            for ends in [
                &[End::Front][..],
                &[End::Back],
                &[End::Front, End::Back, End::Back],
            ] {
                assert_walk(view, id, &Span::ALL, expected.clone(), ends);
            }
            for key in expected.keys().chain(self.now[table].keys()) {
                let found = view.get(id, key, <[u8]>::to_vec).unwrap();
                assert_eq!(found.as_ref(), expected.get(key));
            }
        }
    }

    fn check_len(&self, view: usize) {
        let (view, expected) = &self.views[view];
        for (table, expected) in expected.iter().enumerate() {
            let len = view.len(TableId(u16::try_from(table).unwrap())).unwrap();
            assert_eq!(len, u64::try_from(expected.len()).unwrap());
        }
    }
}

fn assert_walk<S: Snapshot>(
    view: &Arc<S>,
    table: TableId,
    span: &Span,
    expected: Table,
    ends: &[End],
) {
    let mut rows = view.rows(table, span).unwrap();
    let mut expected: VecDeque<_> = expected.into_iter().collect();
    for end in ends.iter().cycle() {
        let found = step(&mut rows, *end);
        assert_eq!(found, take(&mut expected, *end));
        if found.is_none() {
            break;
        }
    }
    assert_eq!(step(&mut rows, End::Front), None);
    assert_eq!(step(&mut rows, End::Back), None);
}

fn step(rows: &mut impl Rows, end: End) -> Option<(Vec<u8>, Vec<u8>)> {
    rows.step(end, |key, value| (key.to_vec(), value.to_vec()))
        .unwrap()
}

fn take<T>(expected: &mut VecDeque<T>, end: End) -> Option<T> {
    match end {
        End::Front => expected.pop_front(),
        End::Back => expected.pop_back(),
    }
}

/// A key among some thousand, many of which are near each other and some of which are odd.
fn arb_key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0_u16..600).prop_map(|key| key.to_be_bytes().to_vec()),
        1 => vec(prop_oneof![Just(0_u8), Just(1), Just(255)], 0..4),
    ]
}

fn arb_span() -> impl Strategy<Value = Span> {
    let bound = || {
        prop_oneof![
            arb_key().prop_map(Bound::Included),
            arb_key().prop_map(Bound::Excluded),
            Just(Bound::Unbounded),
        ]
    };
    (bound(), bound())
        .prop_map(|(lower, upper)| Span { lower, upper })
        .prop_filter("a span that is walked is not empty", |span| {
            !span.is_empty()
        })
}

fn arb_end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Front), Just(End::Back)]
}

#[derive(Debug, Clone)]
enum Op {
    Commit(Vec<(usize, Edit)>),
    /// Stores or removes a run of keys in one commit, so that walks cross chunks.
    Run {
        table: usize,
        from: u16,
        count: u16,
        value: Option<u8>,
    },
    View,
    Drop(prop::sample::Index),
    Check(prop::sample::Index),
    Len(prop::sample::Index),
    Walk(prop::sample::Index, usize, Span),
    Step(prop::sample::Index, Vec<End>),
    DropWalk(prop::sample::Index),
}

fn arb_op() -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    let value = || prop::option::of(vec(any::<u8>(), 0..3));
    prop_oneof![
        4 => vec((0..TABLES, (arb_key(), value())), 1..8).prop_map(Op::Commit),
        3 => (0..TABLES, 0_u16..600, 1_u16..600, prop::option::of(any::<u8>()))
            .prop_map(|(table, from, count, value)| Op::Run { table, from, count, value }),
        3 => Just(Op::View),
        2 => index().prop_map(Op::Drop),
        2 => index().prop_map(Op::Check),
        1 => index().prop_map(Op::Len),
        2 => (index(), 0..TABLES, arb_span())
            .prop_map(|(at, table, span)| Op::Walk(at, table, span)),
        4 => (index(), vec(arb_end(), 1..300)).prop_map(|(at, ends)| Op::Step(at, ends)),
        1 => index().prop_map(Op::DropWalk),
    ]
}

fn run<L: Live>(world: &mut World<L>, op: &Op) {
    match op {
        Op::Commit(edits) => world.commit(edits),
        Op::Run {
            table,
            from,
            count,
            value,
        } => {
            let keys = (*from..600.min(from + count)).map(|key| key.to_be_bytes().to_vec());
            let edits = keys.map(|key| (*table, (key, value.map(|value| vec![value]))));
            world.commit(&edits.collect::<Vec<_>>());
        }
        Op::View => world.view(),
        Op::Step(at, ends) if !world.walks.is_empty() => {
            let at = at.index(world.walks.len());
            let (rows, expected) = &mut world.walks[at];
            for end in ends {
                assert_eq!(step(rows, *end), take(expected, *end));
            }
        }
        Op::DropWalk(at) if !world.walks.is_empty() => {
            world.walks.swap_remove(at.index(world.walks.len()));
        }
        Op::Step(..) | Op::DropWalk(_) => {}
        _ if world.views.is_empty() => {}
        Op::Drop(at) => drop(world.views.swap_remove(at.index(world.views.len()))),
        Op::Check(at) => world.check(at.index(world.views.len())),
        Op::Len(at) => world.check_len(at.index(world.views.len())),
        Op::Walk(at, table, span) => {
            let (view, expected) = &world.views[at.index(world.views.len())];
            let rows = view
                .rows(TableId(u16::try_from(*table).unwrap()), span)
                .unwrap();
            let expected = expected[*table].range::<[u8], _>(span.as_slices());
            let expected = expected
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            world.walks.push((rows, expected));
        }
    }
}

/// Views and walks agree with copies made when they were opened, whatever is committed since.
pub(in crate::backends) fn snapshots_agree_with_copies<L: Live>(
    cases: u32,
    mut open: impl FnMut() -> Versioned<L>,
) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let open = std::cell::RefCell::new(&mut open);
    let ran = TestRunner::new(config).run(&vec(arb_op(), 1..60), |ops| {
        let mut world = World::new(open.borrow_mut()());
        for op in &ops {
            run(&mut world, op);
        }
        for view in 0..world.views.len() {
            world.check_len(view);
            world.check(view);
        }
        world.views.clear();
        world.walks.clear();
        prop_assert_eq!(world.backend.images(), 0);
        Ok(())
    });
    ran.unwrap();
}

pub(in crate::backends) fn snapshot_never_moves<L: Live>(backend: Versioned<L>) {
    let mut world = World::new(backend);
    world.view();
    world.put(0, "a", "1");
    world.put(0, "b", "1");
    world.view();
    world.commit(&[
        (0, (b"a".into(), None)),
        (0, (b"c".into(), Some(b"2".into()))),
        (1, (b"x".into(), Some(Vec::new()))),
    ]);
    world.view();
    world.put(0, "a", "3");
    world.commit(&[(0, (b"b".into(), None)), (1, (b"x".into(), None))]);
    world.view();
    for view in 0..world.views.len() {
        world.check(view);
        world.check_len(view);
    }
}

pub(in crate::backends) fn walk_goes_on_while_its_rows_are_cleared<L: Live>(backend: Versioned<L>) {
    let mut world = World::new(backend);
    let all = |value: Option<&[u8]>| {
        let keys = (0_u16..2000).map(|key| key.to_be_bytes().to_vec());
        keys.map(|key| (0, (key, value.map(<[u8]>::to_vec))))
            .collect::<Vec<_>>()
    };
    world.commit(&all(Some(b"old")));
    world.view();
    let mut rows = world.views[0].0.rows(TableId(0), &Span::ALL).unwrap();
    for key in 0_u16..100 {
        assert_eq!(step(&mut rows, End::Front).unwrap().0, key.to_be_bytes());
    }
    world.commit(&all(None));
    world.view();
    world.commit(&all(Some(b"new")));
    for key in 100_u16..2000 {
        assert_eq!(
            step(&mut rows, End::Front),
            Some((key.to_be_bytes().into(), b"old".into()))
        );
    }
    assert_eq!(step(&mut rows, End::Front), None);
    assert_eq!(
        world.views[1]
            .0
            .rows(TableId(0), &Span::ALL)
            .map(|mut it| step(&mut it, End::Back))
            .unwrap(),
        None
    );
}

pub(in crate::backends) fn reader_never_sees_half_a_commit<L: Live>(backend: Versioned<L>) {
    const COMMITS: u64 = 300;
    const ROWS: u8 = 40;
    let set = Arc::new(TableSet::new(vec!["left".into(), "right".into()]));
    let write = |number: u64| {
        let mut writes = WriteSet::default();
        for table in [TableId(0), TableId(1)] {
            let edits = Arc::make_mut(writes.tables.entry(table).or_default());
            for row in 0..ROWS {
                edits.insert(vec![row].into(), Some(number.to_be_bytes().to_vec().into()));
            }
        }
        backend.apply(&set, writes, false).unwrap();
    };
    write(0);
    let read = || {
        let mut last = 0;
        while last < COMMITS {
            let view = Arc::new(backend.snapshot(&set).unwrap());
            let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap());
            let seen = view.get(TableId(0), &[0], number).unwrap().unwrap();
            assert!(seen >= last, "a later snapshot shows a later commit");
            last = seen;
            for (table, end) in [(TableId(1), End::Front), (TableId(0), End::Back)] {
                let mut rows = view.rows(table, &Span::ALL).unwrap();
                let mut count = 0;
                while let Some(found) = rows.step(end, |_, value| number(value)).unwrap() {
                    assert_eq!(found, seen);
                    count += 1;
                }
                assert_eq!(count, ROWS);
            }
        }
    };
    thread::scope(|scope| {
        let readers = [scope.spawn(read), scope.spawn(read)];
        (1..=COMMITS).for_each(write);
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert_eq!(backend.images(), 0);
}

pub(in crate::backends) fn past_is_kept_only_while_it_is_seen<L: Live>(backend: Versioned<L>) {
    let mut world = World::new(backend);
    world.put(0, "a", "0");
    world.put(0, "a", "1");
    assert_eq!(world.backend.images(), 0, "nobody looks");
    world.view();
    world.put(0, "a", "2");
    world.put(0, "a", "3");
    world.put(0, "a", "4");
    assert_eq!(
        world.backend.images(),
        1,
        "one for the view, however often the key changes"
    );
    world.view();
    world.view();
    world.put(0, "a", "5");
    world.put(1, "b", "5");
    assert_eq!(
        world.backend.images(),
        3,
        "those after the first view see another value of one key"
    );
    drop(world.views.remove(1));
    assert_eq!(
        world.backend.images(),
        3,
        "another view of the same commit is open"
    );
    drop(world.views.remove(1));
    assert_eq!(
        world.backend.images(),
        2,
        "the first view sees one value of each key"
    );
    world.check(0);
    world.views.clear();
    assert_eq!(world.backend.images(), 0);
}

pub(in crate::backends) fn what_an_older_view_took_over_goes_with_it<L: Live>(
    backend: Versioned<L>,
) {
    let mut world = World::new(backend);
    world.view();
    world.put(0, "a", "1");
    world.view();
    world.put(0, "b", "2");
    drop(world.views.remove(1));
    world.view();
    world.put(0, "c", "3");
    assert_eq!(world.backend.images(), 3, "the first view sees all of them");
    drop(world.views.remove(0));
    assert_eq!(world.backend.images(), 1, "the last view sees one");
    world.check(0);
}

pub(in crate::backends) fn tables_are_told_apart_by_name<L: Live>(backend: Versioned<L>) {
    let mut world = World::new(backend);
    world.put(1, "a", "1");
    assert_eq!(world.backend.table_names().unwrap(), ["table 1"]);
    let other = Arc::new(TableSet::new(vec!["table 1".into(), "table 9".into()]));
    let view = world.backend.snapshot(&other).unwrap();
    assert_eq!(
        view.get(TableId(0), b"a", <[u8]>::to_vec).unwrap(),
        Some(b"1".to_vec())
    );
    assert_eq!(view.get(TableId(1), b"a", <[u8]>::to_vec).unwrap(), None);
    assert_eq!(view.len(TableId(0)).unwrap(), 1);
}

#[test]
fn memory_snapshots_agree_with_copies() {
    snapshots_agree_with_copies(96, MemoryBackend::new);
}

#[test]
fn memory_snapshot_never_moves() {
    snapshot_never_moves(MemoryBackend::new());
}

#[test]
fn memory_walk_goes_on_while_its_rows_are_cleared() {
    walk_goes_on_while_its_rows_are_cleared(MemoryBackend::new());
}

#[test]
fn memory_reader_never_sees_half_a_commit() {
    reader_never_sees_half_a_commit(MemoryBackend::new());
}

#[test]
fn memory_past_is_kept_only_while_it_is_seen() {
    past_is_kept_only_while_it_is_seen(MemoryBackend::new());
}

#[test]
fn memory_tables_are_told_apart_by_name() {
    tables_are_told_apart_by_name(MemoryBackend::new());
}

#[test]
fn memory_what_an_older_view_took_over_goes_with_it() {
    what_an_older_view_took_over_goes_with_it(MemoryBackend::new());
}

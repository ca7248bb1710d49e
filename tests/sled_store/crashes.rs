//! A process that writes is killed: what it was told is durable is there, whole; on sled as on redb.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use netabase_store::{
    Backend, Result, Store,
    backends::{OpenBackend, redb::RedbBackend, sled::SledBackend},
};
use netabase_tests::{Customer, Order, Random, ShopDefinition, assert_sound, customer, order};

/// Tells the test, run again to be killed, where its store is.
const FOLDER_VARIABLE: &str = "NETABASE_KILLED_FOLDER";

/// How many processes are killed on an engine.
const KILLS: u64 = if cfg!(debug_assertions) { 4 } else { 12 };

/// Commits for ever, over two models, and says of each commit that it is durable.
fn write_until_killed<B: Backend>(store: &Store<ShopDefinition, B>) -> Result<()> {
    for number in store.open_tree::<Customer>().len()?.. {
        let txn = store.begin_write()?;
        txn.open_tree::<Customer>().put(customer(number))?;
        txn.open_tree::<Order>().put(order(number, 1))?;
        txn.commit()?;
        let mut out = std::io::stdout();
        writeln!(out, "durable {number}")
            .and_then(|()| out.flush())
            .expect("somebody reads");
    }
    Ok(())
}

/// Kills a writer again and again; each time nothing that it was told is durable is missing.
fn kill_and_check<B: OpenBackend>(test: &str) -> Result<()> {
    if let Some(folder) = env::var_os(FOLDER_VARIABLE) {
        return write_until_killed(&Store::<ShopDefinition, B>::new(
            Path::new(&folder).join("store"),
        )?);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut random = Random::new(7);
    for _ in 0..KILLS {
        let mut child = Command::new(env::current_exe().expect("the test's own file"))
            .args(["--exact", test, "--nocapture"])
            .env(FOLDER_VARIABLE, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the test can be run again");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let told = out
            .lines()
            .map_while(std::result::Result::ok)
            .filter_map(|line| {
                line.rsplit_once("durable ")
                    .and_then(|(_, number)| number.parse::<u64>().ok())
            });
        let wanted = 1 + random.index(40);
        let last = told
            .take(wanted)
            .last()
            .expect("the writer says what it has done");
        child.kill().expect("it is running");
        child.wait().expect("it was started here");
        let store = Store::<ShopDefinition, B>::open(folder.path().join("store"))?;
        let written = store.open_tree::<Customer>().len()?;
        assert!(written > last, "{written} records, {last} was durable");
        assert_eq!(store.open_tree::<Order>().len()?, written);
        assert_eq!(
            store.open_tree::<Customer>().get(last)?,
            Some(customer(last))
        );
        assert_sound(&store);
    }
    Ok(())
}

#[test]
fn a_killed_writer_on_sled_leaves_whole_durable_commits() -> Result<()> {
    kill_and_check::<SledBackend>("crashes::a_killed_writer_on_sled_leaves_whole_durable_commits")
}

#[test]
fn a_killed_writer_on_redb_leaves_whole_durable_commits() -> Result<()> {
    kill_and_check::<RedbBackend>("crashes::a_killed_writer_on_redb_leaves_whole_durable_commits")
}

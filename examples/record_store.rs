//! A node of a DHT whose records outlive it: it stores a record and provides a key, is restarted, and
//! another node still finds both.
//!
//! `cargo run --example record_store --features libp2p`; both nodes run here, over TCP.

#![expect(clippy::print_stdout, reason = "an example prints what it found")]

#[path = "dht/node.rs"]
mod node;

use std::error::Error;

use libp2p::{
    StreamProtocol,
    identity::Keypair,
    kad::{
        self, GetProvidersOk, GetRecordOk, QueryResult, Quorum, Record, RecordKey,
        store::MemoryStore,
    },
};
use netabase_store::{
    RedbStore, netabase_definition_module,
    records::{RecordStoreConfig, recommended},
};

/// Whatever else the program keeps: records lie beside it, in the same file.
#[netabase_definition_module(NotesDefinition, NotesKeys)]
mod notes {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug)]
    #[netabase(NotesDefinition)]
    pub(crate) struct Note {
        #[primary_key]
        pub(crate) id: u64,
        pub(crate) text: String,
    }
}
use notes::NotesDefinition;

const PROTOCOL: StreamProtocol = StreamProtocol::new("/record-store-example/kad/1");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("node.redb");
    let keys = Keypair::generate_ed25519();
    let (record, provided) = (RecordKey::new(b"a record"), RecordKey::new(b"a blob"));

    {
        let store = RedbStore::<NotesDefinition>::new(&file)?;
        let records = store.record_store(node::name(&keys), RecordStoreConfig::default())?;
        let config = recommended(kad::Config::new(PROTOCOL));
        let (mut first, address) = node::listen(&keys, records.clone(), config).await?;
        let kademlia = first.behaviour_mut();
        let value = b"kept on disk".to_vec();
        kademlia.put_record(Record::new(record.clone(), value), Quorum::One)?;
        kademlia.start_providing(provided.clone())?;
        println!("a node at {address} stores a record and provides a key");
        // Dropped without further ado: the record store writes down what it has taken.
    }

    let store = RedbStore::<NotesDefinition>::new(&file)?;
    let records = store.record_store(node::name(&keys), RecordStoreConfig::default())?;
    let health = records.health();
    println!(
        "after a restart it has {} record and {} provided key, and will announce both again",
        health.own_records, health.own_provided_keys
    );
    assert_eq!(health.announcements, 2);
    let config = recommended(kad::Config::new(PROTOCOL));
    let (mut first, address) = node::listen(&keys, records, config.clone()).await?;

    let asking = Keypair::generate_ed25519();
    let memory = MemoryStore::new(node::name(&asking));
    let (mut second, _) = node::listen(&asking, memory, config).await?;
    second
        .behaviour_mut()
        .add_address(&node::name(&keys), address);

    let query = second.behaviour_mut().get_record(record);
    let found = |result| match result {
        QueryResult::GetRecord(Ok(GetRecordOk::FoundRecord(found))) => Some(found.record.value),
        _ => None,
    };
    let value = node::ask(&mut second, &mut first, query, found, |_, _| {}).await;
    let value = value.ok_or("the record was not found")?;
    println!(
        "another node finds the record: {}",
        String::from_utf8_lossy(&value)
    );
    assert_eq!(value, b"kept on disk");

    let query = second.behaviour_mut().get_providers(provided);
    let found = |result| match result {
        QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. })) => {
            Some(providers)
        }
        _ => None,
    };
    let providers = node::ask(&mut second, &mut first, query, found, |_, _| {}).await;
    let providers = providers.ok_or("no provider was found")?;
    println!("and who provides the key: {}", node::name(&keys));
    assert!(providers.contains(&node::name(&keys)));
    Ok(())
}

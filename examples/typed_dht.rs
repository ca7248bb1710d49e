//! Models in a DHT: one node publishes users, another judges what comes, files it in its own typed
//! trees, asks for one more, and queries all by a secondary key.
//!
//! `cargo run --example typed_dht --features libp2p`; both nodes run here, over TCP.

#![expect(clippy::print_stdout, reason = "an example prints what it found")]

#[path = "dht/node.rs"]
mod node;

use std::{error::Error, sync::Arc};

use libp2p::{
    StreamProtocol,
    identity::Keypair,
    kad::{self, GetRecordOk, QueryResult, Quorum},
};
use netabase_store::{
    MemoryStore, netabase_definition_module,
    records::{
        Inbound, InboundConfig, RecordStoreConfig, Rejection, TYPED_NAMESPACE, TypedDefinition,
        TypedRecord, TypedSink, TypedValidator, Validators, recommended,
    },
};

#[netabase_definition_module(PeopleDefinition, PeopleKeys)]
mod people {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    #[netabase(PeopleDefinition)]
    pub(crate) struct User {
        #[primary_key]
        pub(crate) id: u64,
        pub(crate) name: String,
        #[secondary_key]
        pub(crate) age: u32,
    }
}
use people::*;

const PROTOCOL: StreamProtocol = StreamProtocol::new("/typed-dht-example/kad/1");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = recommended(kad::Config::new(PROTOCOL));
    let users = [("Ada", 36), ("Alan", 41), ("Anita", 7)];
    let users = users.iter().zip(1..).map(|(&(name, age), id)| User {
        id,
        name: name.to_owned(),
        age,
    });

    // The reader takes users of age, and keeps nothing else.
    let reading = Keypair::generate_ed25519();
    let store = MemoryStore::<PeopleDefinition>::new();
    let records = store.record_store(node::name(&reading), RecordStoreConfig::default())?;
    let adults = TypedValidator::<PeopleDefinition>::new().accept(|record| match record {
        PeopleDefinition::User(user) if user.age < 18 => Err(Rejection::invalid("a minor")),
        PeopleDefinition::User(_) => Ok(()),
    });
    let validators = Validators::new().with(TYPED_NAMESPACE, adults.clone())?;
    let sink = TypedSink::new(store.clone(), adults, records.clone());
    let inbound = Inbound::start(sink, Arc::new(validators), InboundConfig::default())?;
    let (mut reader, address) = node::listen(&reading, records, config.clone()).await?;

    // The writer publishes records of its models.
    let writing = Keypair::generate_ed25519();
    let own = MemoryStore::<PeopleDefinition>::new();
    let records = own.record_store(node::name(&writing), RecordStoreConfig::default())?;
    let (mut writer, back) = node::listen(&writing, records.clone(), config).await?;
    writer
        .behaviour_mut()
        .add_address(&node::name(&reading), address);
    for user in users {
        let query = writer
            .behaviour_mut()
            .put_record(user.to_record()?, Quorum::One)?;
        let sent = |result| matches!(result, QueryResult::PutRecord(Ok(_))).then_some(());
        // What arrives is judged and filed on threads of its own, not on the reader's task.
        let judge = |_: &mut node::Node<_>, event| {
            inbound.on_event(&event);
        };
        let sent = node::ask(&mut writer, &mut reader, query, sent, judge).await;
        println!("published {}: {}", user.name, sent.is_some());
    }
    inbound.wait_until_idle();
    let trees = store.open_tree::<User>();
    println!("the reader has filed {} of them", trees.len()?);
    assert_eq!(trees.len()?, 2);

    // One that the writer keeps without sending it around, the reader asks for.
    let grace = User {
        id: 9,
        name: "Grace".to_owned(),
        age: 85,
    };
    let mut record = grace.to_record()?;
    record.publisher = Some(node::name(&writing));
    records.put_from(None, record)?;
    let kademlia = reader.behaviour_mut();
    kademlia.add_address(&node::name(&writing), back);
    let query = kademlia.get_record(User::record_key(9)?);
    let found = |result| match result {
        QueryResult::GetRecord(Ok(GetRecordOk::FoundRecord(found))) => Some(found.record),
        _ => None,
    };
    let found = node::ask(&mut reader, &mut writer, query, found, |_, _| {}).await;
    let found = found.ok_or("the record was not found")?;
    let PeopleDefinition::User(user) = PeopleDefinition::from_record(&found)?;
    println!("found {}: {:?}", user.name, store.file_record(&found)?);

    for entry in trees.index::<UserAgeSecondaryKey>().range(40..) {
        let (_, user) = entry?;
        println!("{} is {}", user.name, user.age);
    }
    assert_eq!(trees.index::<UserAgeSecondaryKey>().range(40..).count()?, 2);
    Ok(())
}

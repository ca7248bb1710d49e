//! Two nodes over TCP: one asks the other to store records, and asks for them.

use std::{collections::HashSet, time::Instant};

use libp2p::{
    Multiaddr, Swarm, SwarmBuilder,
    futures::StreamExt,
    kad::{self, QueryId, Quorum, RecordKey, store::RecordStore},
    noise,
    swarm::SwarmEvent,
    tcp, yamux,
};
use libp2p_identity::PeerId;

use super::{keys, ours, records, theirs, wide};
use crate::{
    report::{Settings, median},
    table::{Bound, Goals},
};

/// How many requests are under way at once.
const IN_FLIGHT: usize = 64;
const RECORDS_MAX: usize = 10_000;

/// Measures both directions on both stores.
pub fn run(settings: &Settings, goals: &mut Goals) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let count = settings.records.min(RECORDS_MAX);
    let names = keys(8, count);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        b.push(runtime.block_on(throughput(&names, theirs)));
        let folder = tempfile::tempdir_in(&settings.folder).unwrap();
        let store = |local| ours(folder.path(), local, wide());
        a.push(runtime.block_on(throughput(&names, store)));
    }
    let (ours, theirs) = (median(&a), median(&b));
    let text = (format!("{ours:.0}/s"), format!("{theirs:.0}/s"));
    let figure = (ours / theirs, "times");
    goals.add(
        "put and get, two nodes over TCP",
        text,
        figure,
        Bound::AtLeast(0.95),
    );
}

fn node<S: RecordStore + Send + 'static>(
    store: impl FnOnce(PeerId) -> S,
) -> Swarm<kad::Behaviour<S>> {
    let builder = SwarmBuilder::with_new_identity().with_tokio();
    let builder = builder
        .with_tcp(
            tcp::Config::default().nodelay(true),
            noise::Config::new,
            yamux::Config::default,
        )
        .unwrap();
    let builder = builder.with_behaviour(|key| {
        let local = key.public().to_peer_id();
        let mut behaviour = kad::Behaviour::new(local, store(local));
        behaviour.set_mode(Some(kad::Mode::Server));
        behaviour
    });
    builder.unwrap().build()
}

/// Returns how many requests a second are answered.
async fn throughput<S: RecordStore + Send + 'static>(
    names: &[RecordKey],
    store: impl FnOnce(PeerId) -> S,
) -> f64 {
    let mut server = node(store);
    let mut client = node(theirs);
    server
        .listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap())
        .unwrap();
    let address: Multiaddr = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = server.select_next_some().await {
            break address;
        }
    };
    let to = *server.local_peer_id();
    client.behaviour_mut().add_address(&to, address);
    let records = records(names, *client.local_peer_id());
    let begun = Instant::now();
    let mut puts = records.into_iter();
    run_queries(&mut server, &mut client, |kad| {
        let record = puts.next()?;
        Some(kad.put_record_to(record, [to].into_iter(), Quorum::One))
    })
    .await;
    let mut gets = names.iter().cloned();
    run_queries(&mut server, &mut client, |kad| {
        Some(kad.get_record(gets.next()?))
    })
    .await;
    2.0 * names.len() as f64 / begun.elapsed().as_secs_f64()
}

async fn run_queries<S: RecordStore + Send + 'static, C: RecordStore + Send + 'static>(
    server: &mut Swarm<kad::Behaviour<S>>,
    client: &mut Swarm<kad::Behaviour<C>>,
    mut next: impl FnMut(&mut kad::Behaviour<C>) -> Option<QueryId>,
) {
    let mut running = HashSet::new();
    let mut is_over = false;
    loop {
        while !is_over && running.len() < IN_FLIGHT {
            match next(client.behaviour_mut()) {
                Some(id) => drop(running.insert(id)),
                None => is_over = true,
            }
        }
        if running.is_empty() {
            return;
        }
        tokio::select! {
            _ = server.select_next_some() => {}
            event = client.select_next_some() => {
                let SwarmEvent::Behaviour(kad::Event::OutboundQueryProgressed { id, result, step, .. }) = event else {
                    continue;
                };
                let failed = match &result {
                    kad::QueryResult::PutRecord(put) => put.is_err(),
                    kad::QueryResult::GetRecord(get) => get.is_err(),
                    _ => false,
                };
                assert!(!failed, "{result:?}");
                if step.last {
                    running.remove(&id);
                }
            }
        }
    }
}

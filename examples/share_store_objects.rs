//! Three peers share objects of their stores: the first announces a program and what it refers to;
//! the second finds and fetches both, verifies them and asks its store about them; the third takes
//! the program from the two others at once.
//!
//! `cargo run --release --features peers --example share_store_objects`; all three run here, over
//! TCP, each with a store in a temporary folder.

#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use libp2p::{Multiaddr, PeerId, identity::Keypair, multiaddr::Protocol};
use nix_core::{
    hash::Sha256,
    path_info::PathInfo,
    signature::{SecretKey, TrustedKeys},
    store_path::{StorePath, StorePathName},
};
use nix_io::nar::{self, PackOptions};
use nix_remote::peers::{
    announcement::{Kind, SignerId},
    lookup::Found,
    node::{Node, NodeConfig, NodeHandle},
};
use nix_store::{
    StoreDir,
    local::{LocalOptions, LocalStore, StoreLayout},
    store::{Direction, ReadStore, WriteStore},
};
use tokio::time::{sleep, timeout};

/// What any step may fail with.
type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(10);

/// How large the file in the program is.
const FILE_BYTES: usize = 24 << 20;

/// A node with the store that it shares.
struct Peer {
    store: LocalStore,
    node: NodeHandle,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    let folder = tempfile::tempdir()?;
    let begun = Instant::now();
    // Who builds signs; whoever trusts the builder believes it. (A real key is made at random.)
    let builder = SecretKey::from_seed("builder-1".parse()?, &[1; 32]);
    let trusted: TrustedKeys = builder.public_key().to_string().parse()?;

    // The first has both objects.
    let first = start(&folder.path().join("first"), &trusted, &builder, &[])?;
    let greeting = add_greeting(&first.store)?;
    let program = add_program(&first.store, folder.path(), &greeting, &builder)?;
    for path in [&greeting, &program.path] {
        let blob = first.node.announce(path).await?;
        println!("first announces {path}, {}", size(blob.size()));
    }

    // The second knows the name of the program, and one address.
    let at_first = address(&first).await?;
    let key = SecretKey::from_seed("second-1".parse()?, &[2; 32]);
    let bootstrap = [at_first.clone()];
    let second = start(&folder.path().join("second"), &trusted, &key, &bootstrap)?;
    for path in [&program.path, &greeting] {
        let found = second.node.find(path).await?;
        assert_eq!(found.providers().collect::<Vec<_>>(), [first.node.id()]);
        show("second", &found, &builder);
    }
    fetch(&second, "second", &program.path).await?;
    ask(&second.store, &program, &greeting)?;

    // It shares what it has; the third takes from both.
    for path in [&greeting, &program.path] {
        second.node.announce(path).await?;
    }
    let key = SecretKey::from_seed("third-1".parse()?, &[3; 32]);
    let bootstrap = [at_first, address(&second).await?];
    let third = start(&folder.path().join("third"), &trusted, &key, &bootstrap)?;
    let found = find_at_two(&third, &program.path).await?;
    let others = BTreeSet::from([first.node.id(), second.node.id()]);
    assert_eq!(found.providers().collect::<BTreeSet<_>>(), others);
    show("third", &found, &builder);
    fetch(&third, "third", &program.path).await?;
    ask(&third.store, &program, &greeting)?;

    for peer in [third, second, first] {
        peer.node.shutdown().await?;
    }
    println!("all of it took {:.1?}", begun.elapsed());
    Ok(())
}

/// Starts a peer that listens on this machine.
fn start(
    folder: &Path,
    trusted: &TrustedKeys,
    key: &SecretKey,
    bootstrap: &[Multiaddr],
) -> Result<Peer> {
    let layout = StoreLayout::below(folder.join("root"), StoreDir::default());
    let store = LocalStore::open(layout, &LocalOptions::default())?;
    let identity = Keypair::generate_ed25519();
    let mut config = NodeConfig::new("example", identity, folder.join("node"));
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse()?];
    config.bootstrap = bootstrap.to_vec();
    config.trusted = trusted.clone();
    config.key = Some(key.clone());
    let node = Node::start(config, store.clone())?;
    Ok(Peer { store, node })
}

/// Adds a text, whose path follows from its content: it needs no signature.
fn add_greeting(store: &LocalStore) -> Result<StorePath> {
    let name = StorePathName::new("greeting")?;
    let info = store.add_text(&name, b"hello to all peers\n", &BTreeSet::new())?;
    Ok(info.path)
}

/// Adds a program that refers to the text, as its builder would: signed.
fn add_program(
    store: &LocalStore,
    folder: &Path,
    greeting: &StorePath,
    builder: &SecretKey,
) -> Result<PathInfo> {
    let dir = StoreDir::default();
    let built = folder.join("built");
    fs::create_dir(&built)?;
    let script = format!("#!/bin/sh\ncat {}\n", dir.display(greeting));
    fs::write(built.join("hello"), script)?;
    let data: Vec<u8> = (0..=250).cycle().take(FILE_BYTES).collect();
    fs::write(built.join("data"), data)?;
    let mut archive = Vec::new();
    let bytes = nar::pack(&built, &mut archive, &PackOptions::default())?;

    let path = StorePath::new([42; 20], &StorePathName::new("program")?);
    let mut info = PathInfo::new(path, Sha256::of(&archive), bytes);
    info.references.insert(greeting.clone());
    info.sign(&dir, builder)?;
    store.add_nar(&info, &mut &archive[..])?;
    Ok(info)
}

/// Says what was found: whose announcement is believed, and who has which archive.
fn show(name: &str, found: &Found<PeerId>, builder: &SecretKey) {
    let (best, object) = (found.best(), found.object());
    println!("{name} finds {}", object.path);
    let builder_id = SignerId::of(&builder.public_key());
    match best.key().kind() {
        Kind::ContentAddressed => println!("  believed, since its content proves its path"),
        _ if *best.signer() == builder_id => {
            println!("  believed, since {} signed it", builder.name());
        }
        _ => println!("  believed, since {} signed it", best.signer()),
    }
    println!("  {}, {}", size(object.nar_size), object.nar_hash);
    for provider in found.providers() {
        println!("  {provider} has it");
    }
}

/// Fetches a path with all that it refers to, and says how fast.
async fn fetch(peer: &Peer, name: &str, path: &StorePath) -> Result {
    let begun = Instant::now();
    let fetched = timeout(PATIENCE, peer.node.fetch([path.clone()])).await??;
    assert_eq!(fetched.added.len(), 2);
    let mut bytes = 0;
    for path in &fetched.added {
        bytes += peer.store.path_info(path)?.map_or(0, |info| info.nar_size);
    }
    let took = begun.elapsed();
    let objects = fetched.added.len();
    let size = size(bytes);
    println!("{name} has fetched, verified and added {objects} objects, {size}, in {took:.1?}");
    Ok(())
}

/// Asks a store about what was fetched.
fn ask(store: &LocalStore, program: &PathInfo, greeting: &StorePath) -> Result {
    let info = store.path_info(&program.path)?.ok_or("it is valid")?;
    assert_eq!(info.nar_hash, program.nar_hash);
    assert_eq!(info.signatures, program.signatures);
    println!("  its store knows {} by {}", program.path, info.nar_hash);
    assert_eq!(info.references, BTreeSet::from([greeting.clone()]));
    let roots = BTreeSet::from([program.path.clone()]);
    let closure = store.closure(&roots, Direction::References)?;
    println!(
        "  which needs {} objects: itself and {greeting}",
        closure.len()
    );
    assert_eq!(closure.len(), 2);
    assert_eq!(store.referrers(greeting)?, roots);
    Ok(())
}

/// Looks a path up until two peers are known to have it: the word of the second needs a moment.
async fn find_at_two(peer: &Peer, path: &StorePath) -> Result<Found<PeerId>> {
    let look = async {
        loop {
            match peer.node.find(path).await {
                Ok(found) if found.providers().count() == 2 => return found,
                _ => sleep(Duration::from_millis(100)).await,
            }
        }
    };
    Ok(timeout(PATIENCE, look).await?)
}

/// Returns where a peer listens, with its name, once it does.
async fn address(peer: &Peer) -> Result<Multiaddr> {
    loop {
        let listeners = peer.node.status().await?.listeners;
        if let Some(address) = listeners.into_iter().next() {
            return Ok(address.with(Protocol::P2p(*peer.node.id())));
        }
        sleep(Duration::from_millis(5)).await;
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        _ => format!("{} KiB", bytes.div_ceil(1024)),
    }
}

//! Worlds by their seeds.

use std::collections::BTreeSet;

use nix_core::store_path::StorePath;

use crate::{
    corpus::{ALL, CACHES, Corpus, TRAITOR},
    dice::{Dice, ms},
    disk::Disk,
    network::Faults,
    peer::{Manner, Mind, Peer, Role, Word},
    world::{Event, World},
};

/// When the faults are over, in milliseconds.
pub(crate) const HEAL_MS: u64 = 40_000;

/// Makes a world with faults of all kinds, which heal after 40 s.
///
/// The first two nodes are caches: each has some objects with all that they need, and signs what it
/// announces with a key that the others trust.
pub(crate) fn world(seed: u64) -> World {
    let mut dice = Dice::new(seed);
    let corpus = &ALL[dice.below(ALL.len() as u64) as usize];
    let backups = backups(corpus, &mut dice);
    let honest = 3 + dice.below(3) as u32;
    let liars = dice.below(3) as u32;
    let mut peers: Vec<_> = (0..honest + liars)
        .map(|name| peer(name, &mut dice))
        .collect();
    for (peer, backup) in peers.iter_mut().zip(backups) {
        peer.backup = backup;
        peer.key = CACHES[peer.name as usize];
        peer.restore(corpus);
    }
    for liar in &mut peers[honest as usize..] {
        let manners = [
            Manner::Truly,
            Manner::Falsely,
            Manner::Falsely,
            Manner::Silently,
            Manner::Mutely,
        ];
        // Who is ahead could keep the word of others from counting for as long.
        liar.ahead = 0;
        liar.role = Role::Liar(dice.pick(&manners));
    }
    if dice.percent(50) {
        let mut one = peer(honest + liars, &mut dice);
        one.role = Role::Traitor {
            word: dice.pick(&[Word::Archive, Word::Root, Word::Hash, Word::Size]),
            has_two_faces: dice.percent(50),
        };
        one.key = TRAITOR;
        peers.push(one);
    }
    for peer in peers.iter_mut().filter(|peer| peer.is_honest()) {
        peer.wants = wants(corpus, &mut dice);
        let known = corpus.outputs.iter().filter(|output| !output.is_private);
        let outputs = known.map(|output| output.text.clone());
        peer.outputs = outputs.filter(|_| dice.percent(40)).collect();
    }
    let mut world = World::new(seed, corpus, dice, peers);
    world.heals_at = ms(HEAL_MS);
    spoil(&mut world);
    world
}

fn peer(name: u32, dice: &mut Dice) -> Peer {
    Peer {
        name,
        role: Role::Honest,
        is_up: false,
        life: 0,
        ahead: dice.below(200),
        latency: ms(1 + dice.below(80)),
        rate: dice.pick(&[40_000, 200_000, 2_000_000, 20_000_000]),
        free_at: ms(0),
        key: 100 + name as u8,
        backup: BTreeSet::new(),
        wants: BTreeSet::new(),
        outputs: BTreeSet::new(),
        realised: BTreeSet::new(),
        disk: Disk::default(),
        mind: Mind::new(ms(0)),
    }
}

/// What the two caches have: each public object is in one of them, with all that it needs, and the
/// private one in the first.
fn backups(corpus: &Corpus, dice: &mut Dice) -> [BTreeSet<StorePath>; 2] {
    let mut backups = [BTreeSet::new(), BTreeSet::new()];
    for thing in corpus.public() {
        let has = |backup: &BTreeSet<StorePath>| backup.contains(&thing.info.path);
        if !backups.iter().any(has) || dice.percent(30) {
            let closure = corpus.closure(&thing.info.path);
            let paths = closure.into_iter().map(|one| one.info.path.clone());
            backups[dice.below(2) as usize].extend(paths);
        }
    }
    let private = corpus.things.iter().filter(|thing| thing.is_private);
    for thing in private {
        let closure = corpus.closure(&thing.info.path);
        backups[0].extend(closure.into_iter().map(|one| one.info.path.clone()));
    }
    backups
}

fn wants(corpus: &Corpus, dice: &mut Dice) -> BTreeSet<StorePath> {
    let things = corpus.public();
    let picks = (0..=dice.below(2)).map(|_| dice.below(things.len() as u64) as usize);
    let mut picks: Vec<_> = picks.collect();
    picks.push(things.len() - 1);
    picks
        .into_iter()
        .map(|at| things[at].info.path.clone())
        .collect()
}

/// Says what will happen until the faults are over.
fn spoil(world: &mut World) {
    let count = world.peers.len() as u64;
    let dice = &mut world.dice;
    let mut faults = Faults {
        loss_percent: dice.pick(&[0, 2, 5, 20]),
        double_percent: dice.below(15),
        jitter_ms: dice.below(150),
        partitions: Vec::new(),
    };
    for _ in 0..dice.below(3) {
        let begin = dice.below(25_000);
        let end = begin + dice.below(15_000);
        faults.partitions.push((ms(begin), ms(end), dice.roll()));
    }
    world.faults = faults;
    for _ in 0..world.faults.partitions.len() {
        world.counts.add("partitions");
    }
    for node in 0..count as u32 {
        let dice = &mut world.dice;
        let is_late = dice.percent(25);
        let up = if is_late {
            10_000 + dice.below(29_000)
        } else {
            dice.below(2000)
        };
        let publish = up + dice.below(3000);
        let [mislead, betray] = [(); 2].map(|()| publish + dice.below(3000));
        world.at(ms(up), Event::Up(node));
        world.at(ms(publish), Event::Republish(node));
        match world.peers[node as usize].role {
            Role::Honest => {}
            Role::Liar(_) => world.at(ms(mislead), Event::Mislead(node)),
            Role::Traitor { .. } => world.at(ms(betray), Event::Betray(node)),
        }
    }
    for _ in 0..world.dice.below(6) {
        let node = world.dice.below(count) as u32;
        let down = 2000 + world.dice.below(34_000);
        let up = down + 300 + world.dice.below(6000);
        let loses_disk = world.dice.percent(35);
        world.at(ms(down), Event::Down { node, loses_disk });
        world.at(ms(up.min(HEAL_MS)), Event::Up(node));
    }
    world.at(ms(HEAL_MS), Event::Heal);
}

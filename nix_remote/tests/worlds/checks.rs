//! What must hold at every step.

use std::{collections::BTreeSet, time::Duration};

use nix_core::store_path::StorePath;
use nix_remote::peers::{
    announcement::{Announcement, Kind, Signers},
    lookup::{
        Archive, CONTRADICTIONS_MAX, Found, JUDGED_PER_QUESTION_MAX, PROVIDERS_MAX, Question,
        SIGNERS_ASKED_MAX,
    },
    transfer::{
        GROUP_BYTES, GROUPS_IN_FLIGHT_MAX, Lie as BlobLie, REQUEST_GROUPS_MAX, REQUESTS_MAX,
        SERVED_PEERS_MAX, SILENT_AFTER,
    },
};

use crate::{
    corpus::{GROUP, Root, TRUSTED, dir, is_trusted},
    dht::rank,
    finding::place,
    lies::Lie,
    peer::{DOWNLOADS_MAX, JOBS_MAX, LOOKUPS, Peer, Role, Source},
    world::World,
};

/// The most bytes that a download has asked for, or has and has not written.
const DOWNLOAD_BYTES_MAX: u64 =
    (GROUPS_IN_FLIGHT_MAX as u64 + REQUEST_GROUPS_MAX as u64) * GROUP_BYTES;

impl World {
    /// A lookup believes a record: it is signed by whom we trust, or needs no trust, and in time.
    pub(crate) fn believes(
        &mut self,
        node: u32,
        question: &Question,
        bytes: &[u8],
        lie: Option<Lie>,
        unix: u64,
    ) {
        let Question::Record(key) = question else {
            panic!("{}: a record among providers", self.name());
        };
        let is_due = lie.is_none_or(Lie::is_well_signed);
        assert!(is_due, "{}: {node} believes a {lie:?}", self.name());
        let found = Announcement::decode(&key.to_bytes(), bytes).unwrap();
        let verified = found.verify(&dir(), Signers::Trusted(&TRUSTED), unix);
        assert_eq!(verified, Ok(()), "{}", self.name());
        match lie {
            Some(Lie::Replayed) => self.counts.add("replays in time"),
            Some(Lie::FalseRoot) => self.counts.add("false roots believed"),
            Some(Lie::FalseHash) => self.counts.add("false hashes believed"),
            Some(Lie::OtherArchive) => self.counts.add("archives of other contents believed"),
            _ => {}
        }
        let believed = self.mind(node).believed.entry(place(key)).or_default();
        believed.push(found);
    }

    /// What is found is what was believed since the lookup began, the newest of each key, with all
    /// that contradicts it.
    pub(crate) fn check_found(
        &mut self,
        node: u32,
        path: &StorePath,
        found: Option<&Found<u32>>,
        believed: &[Announcement],
        since: Duration,
    ) {
        let Some(found) = found else {
            assert!(believed.is_empty(), "{}: a word is lost", self.name());
            return;
        };
        self.counts.add("paths found");
        let kept: Vec<_> = std::iter::once(found.best())
            .chain(found.others())
            .collect();
        assert!(kept.len() <= JUDGED_PER_QUESTION_MAX + SIGNERS_ASKED_MAX);
        assert!(found.contradictions().len() <= CONTRADICTIONS_MAX);
        assert!(found.providers().count() <= PROVIDERS_MAX);
        for one in &kept {
            assert!(believed.contains(one), "{}: not believed", self.name());
            assert_eq!(Self::object_of(one).path, *path);
            let needs_trust = one.key().kind() != Kind::ContentAddressed;
            assert!(!needs_trust || is_trusted(one.signer()), "{}", self.name());
            let aside = |one: &Announcement| {
                let aside = &self.aside[node as usize];
                aside.get(&Self::object_of(one).blake3_root).copied()
            };
            let gives_way = |other: &&Announcement| match (aside(one), aside(other)) {
                (None, None) => rank(one) < rank(other),
                (Some(at), None) => at < since,
                (_, Some(_)) => false,
            };
            let is_of_same =
                |other: &&Announcement| other.key() == one.key() && other.signer() == one.signer();
            let mut others = believed.iter().filter(is_of_same);
            let is_beaten = others.any(|other| gives_way(&other));
            assert!(!is_beaten, "{}: {node} goes by an older word", self.name());
        }
        let is_signed = |one: &Announcement| one.key().kind() == Kind::PathInfo;
        let is_aside = |one: &Announcement| {
            self.aside[node as usize].contains_key(&Self::object_of(one).blake3_root)
        };
        assert!(
            is_signed(found.best())
                || is_aside(found.best())
                || kept.iter().all(|one| !is_signed(one) || is_aside(one)),
            "{}: anybody counts before a cache",
            self.name()
        );
        self.check_contradictions(found, believed);
        self.check_archives(found);
    }

    fn check_contradictions(&mut self, found: &Found<u32>, believed: &[Announcement]) {
        let claims = believed.iter().map(|one| {
            let object = Self::object_of(one);
            (object.nar_hash.0, object.nar_size, object.blake3_root)
        });
        let claims: BTreeSet<_> = claims.collect();
        let contradictions = found.contradictions();
        assert_eq!(
            claims.len() > 1,
            !contradictions.is_empty(),
            "{}: contradictions",
            self.name()
        );
        for contradiction in contradictions {
            let [left, right] = contradiction.announcements();
            assert_ne!(Self::object_of(left), Self::object_of(right));
            assert!(believed.contains(left) && believed.contains(right));
            self.counts.add("contradictions");
            if contradiction.is_equivocation() {
                self.counts.add("equivocations found out");
            }
        }
    }

    /// All archives that are said of a path with these references are tried, each once.
    fn check_archives(&self, found: &Found<u32>) {
        let said = std::iter::once(found.best()).chain(found.others());
        let said = said.map(|one| {
            let object = Self::object_of(one);
            (object.blake3_root, object.nar_hash.0, object.nar_size)
        });
        let said: BTreeSet<_> = said.collect();
        let archives = found.archives();
        let tried = archives.iter().map(|archive| {
            let info = &archive.info;
            (archive.root, info.nar_hash.0, info.nar_size)
        });
        let tried: BTreeSet<_> = tried.collect();
        assert_eq!(tried, said, "{}: an archive is not tried", self.name());
        assert_eq!(tried.len(), archives.len(), "{}: tried twice", self.name());
        let (first, best) = (&archives[0], found.object());
        assert_eq!(first.root, best.blake3_root, "{}", self.name());
    }

    /// What is announced is not private, and there to be had.
    pub(crate) fn check_announced(&self, node: u32, path: &StorePath, root: &Root) {
        let thing = self.corpus.of(path);
        assert!(!thing.is_private, "{}: {path} is private", self.name());
        let source = self.peers[node as usize].source(root);
        assert!(matches!(source, Some(Source::Object(_))), "{}", self.name());
    }

    /// Writes verified bytes of an archive.
    pub(crate) fn write(
        &mut self,
        node: u32,
        root: &Root,
        offset: usize,
        bytes: &[u8],
        outboard: &[(u64, [u8; 64])],
    ) {
        let truth = &self.corpus.contents[root];
        let end = offset + bytes.len();
        let is_true = truth.bytes.get(offset..end) == Some(bytes);
        assert!(is_true, "{}: {node} writes wrong bytes", self.name());
        assert!(bytes.len() <= usize::from(REQUEST_GROUPS_MAX) * GROUP);
        let peer = &mut self.peers[node as usize];
        let part = peer.disk.parts.get_mut(&truth.blob).unwrap();
        part.bytes[offset..end].copy_from_slice(bytes);
        for (offset, pair) in outboard {
            let (start, end) = (*offset as usize, *offset as usize + 64);
            assert_eq!(truth.outboard.get(start..end), Some(&pair[..]));
            part.outboard[start..end].copy_from_slice(pair);
        }
        let active = peer.mind.downloads.get_mut(root).unwrap();
        active.written += bytes.len() as u64;
    }

    /// Whoever is banned has lied about an archive.
    pub(crate) fn ban(&mut self, node: u32, peer: u32, why: &BlobLie) {
        let role = self.peers[peer as usize].role;
        let has_lied = matches!(role, Role::Liar(_));
        assert!(has_lied, "{}: {peer} is banned: {why}", self.name());
        self.counts.add(match why {
            BlobLie::Proof(_) => "bans for what is not proven",
            BlobLie::Malformed => "bans for what is no response",
            BlobLie::OtherKind => "bans for another kind",
            _ => "bans for another size",
        });
        let now = self.now;
        self.mind(node).banned.insert(peer);
        for active in self.mind(node).downloads.values_mut() {
            active.peer_gone(peer, now);
        }
    }

    /// Adds an object to a store: its references are there, and its bytes are those that it has or,
    /// where no content address says otherwise, those of which somebody trusted says so.
    pub(crate) fn add(&mut self, node: u32, archive: &Archive<u32>) {
        let (info, corpus) = (archive.info.clone(), self.corpus);
        let (thing, name) = (corpus.of(&info.path), self.name());
        let disk = &mut self.peers[node as usize].disk;
        let path = info.path.clone();
        for reference in &info.references {
            let is_there = *reference == path || disk.store.contains_key(reference);
            assert!(is_there, "{name}: {path} before its reference {reference}");
        }
        let content = &corpus.contents[&archive.root];
        let is_true = archive.root == thing.root;
        let has_word = is_trusted(archive.announcement.signer());
        let is_vouched_for = is_true || (has_word && info.content_address.is_none());
        assert!(is_vouched_for, "{name}: {path} has other bytes");
        assert_eq!(info.nar_hash, content.nar_hash, "{name}: another hash");
        assert_eq!(info.nar_size, content.blob.size(), "{name}: another size");
        assert_eq!(info.references, thing.info.references, "{name}");
        disk.store.insert(path, (info, archive.root));
        self.counts.add("objects added");
        if !is_true {
            self.counts.add("objects as somebody trusted gave them");
        }
    }

    /// Whoever is silent has given nothing of an archive for so long.
    pub(crate) fn check_silent(&mut self, node: u32, root: &Root, peer: u32) {
        let (now, name) = (self.now, self.name());
        let active = &self.mind(node).downloads[root];
        let gave_at = active.gave_at.get(&peer);
        let is_so = gave_at.is_none_or(|at| now >= *at + SILENT_AFTER);
        assert!(is_so, "{name}: {peer} is not silent");
        self.counts.add("silent peers");
    }

    /// What a download has asked for and not written is bounded.
    pub(crate) fn check_download(&mut self, node: u32, root: &Root) {
        let Some(active) = self.mind(node).downloads.get(root) else {
            return;
        };
        let Some(download) = &active.download else {
            return;
        };
        let ranges = active.in_flight.values().filter_map(|(_, range)| *range);
        let in_flight: u64 = ranges.map(|range| active.wanted.blob.bytes_of(range)).sum();
        let waiting = download.counts().verified_bytes - active.written;
        let gets = download.requests_in_flight();
        let bytes = in_flight + waiting;
        assert!(
            bytes <= DOWNLOAD_BYTES_MAX && gets <= REQUESTS_MAX,
            "{}: {bytes} bytes and {gets} requests of a download",
            self.name()
        );
        self.peak_bytes = self.peak_bytes.max(bytes);
    }

    /// What the machines of a node hold is bounded.
    pub(crate) fn check_bounds(&self, node: u32) {
        let Peer { mind, .. } = &self.peers[node as usize];
        let lookups = &mind.lookups;
        let judged = mind.queries.values().map(|query| query.judged).max();
        let held = [
            (lookups.questions(), LOOKUPS.questions_max),
            (lookups.searches(), LOOKUPS.searches_max),
            (mind.queries.len(), LOOKUPS.questions_max),
            (judged.unwrap_or_default(), JUDGED_PER_QUESTION_MAX),
            (mind.server.budgets(), SERVED_PEERS_MAX),
            (mind.downloads.len(), DOWNLOADS_MAX),
            (mind.jobs.len(), JOBS_MAX),
        ];
        for (at, (found, most)) in held.into_iter().enumerate() {
            assert!(found <= most, "{}: {at}: {found} > {most}", self.name());
        }
    }
}

//! The BLAKE3 tree above the groups of a blob.

use bao_tree::{
    BaoTree, BlockSize, ChunkNum, ChunkRanges,
    blake3::{
        Hasher,
        hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root},
    },
    io::sync::truncate_ranges,
    iter::BaoChunk,
};

use super::{
    blob::Blob,
    groups::{GROUP_BYTES, GROUP_LOG, GroupRange},
};

/// How many bytes of a blob are a leaf of its tree.
const CHUNK_BYTES: u64 = 1024;

const _: () = assert!(CHUNK_BYTES << GROUP_LOG == GROUP_BYTES);

/// The hash of a node, or the root.
pub(super) type NodeHash = [u8; 32];

/// The hashes of the two children of a node, left and right.
pub(super) type Pair = [u8; 64];

/// What comes next on the way from the root to some groups, in the order of a proof.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// A node, with its place in the outboard, and which children are on the way.
    Pair {
        offset: u64,
        is_root: bool,
        left: bool,
        right: bool,
    },
    /// A group, with its place in the blob.
    Group {
        offset: u64,
        bytes: usize,
        is_root: bool,
    },
}

impl Step {
    /// Returns how many bytes a proof has for the step.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::Pair { .. } => size_of::<Pair>(),
            Self::Group { bytes, .. } => bytes,
        }
    }
}

/// Returns the steps to groups that the blob has: each node on the way once, before its children.
pub(super) fn steps(blob: &Blob, range: GroupRange) -> Vec<Step> {
    let tree = BaoTree::new(blob.size(), BlockSize::from_chunk_log(GROUP_LOG));
    let [first, end] = [range.first(), range.end()].map(|group| blob.offset(group));
    let [first, end] = [first, end].map(|offset| ChunkNum(offset.div_ceil(CHUNK_BYTES)));
    let ranges = ChunkRanges::from(first..end);
    let ranges = truncate_ranges(&ranges, blob.size());
    let chunks = tree.ranges_pre_order_chunks_iter_ref(ranges, 0);
    let step = |chunk| match chunk {
        BaoChunk::Parent {
            node,
            is_root,
            left,
            right,
            ..
        } => Step::Pair {
            offset: {
                let place = tree.post_order_offset(node);
                let place = place.expect("nodes above the groups stand in the outboard");
                place.value() * 64
            },
            is_root,
            left,
            right,
        },
        BaoChunk::Leaf {
            start_chunk,
            size,
            is_root,
            ..
        } => Step::Group {
            offset: start_chunk.0 * CHUNK_BYTES,
            bytes: size,
            is_root,
        },
    };
    chunks.map(step).collect()
}

/// What is left of the way to some groups, and the hashes that prove what comes.
#[derive(Debug)]
pub(super) struct Walk {
    steps: std::vec::IntoIter<Step>,
    /// Invariant: one for each child on the way whose parent was passed, the next one last.
    expected: Vec<NodeHash>,
}

impl Walk {
    pub(super) fn new(blob: &Blob, range: GroupRange) -> Self {
        Self {
            steps: steps(blob, range).into_iter(),
            expected: vec![*blob.root()],
        }
    }

    /// Returns how many bytes a proof has for the steps that are left.
    pub(super) fn bytes(&self) -> usize {
        self.steps.as_slice().iter().map(|step| step.bytes()).sum()
    }

    pub(super) fn next(&mut self) -> Option<Step> {
        self.steps.next()
    }

    /// Goes past a group that was verified before; returns whether one was expected.
    #[must_use]
    pub(super) fn pass(&mut self) -> bool {
        self.expected.pop().is_some()
    }

    /// Whether the bytes are those of the step, which came last.
    #[must_use]
    pub(super) fn accept(&mut self, step: Step, bytes: &[u8]) -> bool {
        let expected = self.expected.pop();
        match step {
            Step::Pair {
                is_root,
                left,
                right,
                ..
            } => {
                let Some((ours, theirs)) = split_pair(bytes) else {
                    return false;
                };
                let children = [right.then_some(theirs), left.then_some(ours)];
                self.expected.extend(children.into_iter().flatten());
                expected == Some(pair_hash(&ours, &theirs, is_root))
            }
            Step::Group {
                offset, is_root, ..
            } => expected == Some(group_hash(offset, bytes, is_root)),
        }
    }
}

/// Returns the hash of a node by those of its children.
pub(super) fn pair_hash(left: &NodeHash, right: &NodeHash, is_root: bool) -> NodeHash {
    if is_root {
        *merge_subtrees_root(left, right, Mode::Hash).as_bytes()
    } else {
        merge_subtrees_non_root(left, right, Mode::Hash)
    }
}

/// Returns the hash of a group, which begins at `offset`.
fn group_hash(offset: u64, bytes: &[u8], is_root: bool) -> NodeHash {
    let mut hasher = group_hasher(offset);
    hasher.update(bytes);
    finish_group(&hasher, is_root)
}

/// Returns what hashes the bytes of a group, which begins at `offset`.
pub(super) fn group_hasher(offset: u64) -> Hasher {
    let mut hasher = Hasher::new();
    hasher.set_input_offset(offset);
    hasher
}

/// Returns the hash of a group whose bytes the hasher has; there is at least one.
pub(super) fn finish_group(hasher: &Hasher, is_root: bool) -> NodeHash {
    if is_root {
        *hasher.finalize().as_bytes()
    } else {
        hasher.finalize_non_root()
    }
}

fn split_pair(bytes: &[u8]) -> Option<(NodeHash, NodeHash)> {
    let (left, rest) = bytes.split_first_chunk::<32>()?;
    let (right, rest) = rest.split_first_chunk::<32>()?;
    rest.is_empty().then_some((*left, *right))
}

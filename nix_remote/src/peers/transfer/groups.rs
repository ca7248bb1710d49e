//! Groups of a blob, which are what is asked for, verified and remembered.

/// How many bytes a group has; the last one of a blob may have fewer.
pub const GROUP_BYTES: u64 = 64 * 1024;

/// The chunk log that announcements give for groups of this size.
pub const GROUP_LOG: u8 = 6;

/// The most groups of a blob, which are those of 128 GiB less 64 MiB: a bit for each of them fits a
/// response of 256 KiB.
pub const GROUPS_MAX: u32 = 2 * 1024 * 1024 - 1024;

/// The most groups of a request, which are 1 MiB.
pub const REQUEST_GROUPS_MAX: u8 = 16;

/// Groups that stand side by side, at least one and at most [`REQUEST_GROUPS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupRange {
    first: u32,
    count: u8,
}

impl GroupRange {
    /// Makes a range; `None` where there is none with that count, or no blob has such groups.
    #[must_use]
    pub const fn new(first: u32, count: u8) -> Option<Self> {
        let is_count = count > 0 && count <= REQUEST_GROUPS_MAX;
        if !is_count || first > GROUPS_MAX - count as u32 {
            return None;
        }
        Some(Self { first, count })
    }

    /// Returns the first group.
    #[must_use]
    pub const fn first(self) -> u32 {
        self.first
    }

    /// Returns how many groups there are.
    #[must_use]
    pub const fn count(self) -> u8 {
        self.count
    }

    /// Returns the group after the last one.
    #[must_use]
    pub const fn end(self) -> u32 {
        self.first + self.count as u32
    }

    /// Iterates over the groups.
    pub fn groups(self) -> impl Iterator<Item = u32> {
        self.first..self.end()
    }
}

/// Some of the groups of a blob: a bit each, the lowest bit of the first byte for the first group.
///
/// Invariant: the bits beyond the last group are 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSet {
    groups: u32,
    count: u32,
    bits: Vec<u8>,
}

/// Why bytes are no set of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupSetError {
    /// There are more or fewer bytes than the groups have.
    #[error("{found} bytes of bits, where the groups have {expected}")]
    Length {
        /// How many bytes there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A bit stands for a group that the blob does not have.
    #[error("a bit stands for a group beyond the last one")]
    Padding,
}

impl GroupSet {
    /// Returns the set that has none of the groups, of which there are at most [`GROUPS_MAX`].
    ///
    /// # Panics
    /// Panics where there are more.
    #[must_use]
    pub fn new(groups: u32) -> Self {
        assert!(groups <= GROUPS_MAX);
        let bits = vec![0; bytes_of(groups)];
        let count = 0;
        Self {
            groups,
            count,
            bits,
        }
    }

    /// Returns the set that has all of the groups, of which there are at most [`GROUPS_MAX`].
    ///
    /// # Panics
    /// Panics where there are more.
    ///
    /// # Examples
    /// ```
    /// use nix_remote::peers::transfer::GroupSet;
    ///
    /// let all = GroupSet::full(11);
    /// assert!(all.is_full());
    /// assert_eq!(all.as_bytes(), [0xff, 0b111]);
    /// ```
    #[must_use]
    pub fn full(groups: u32) -> Self {
        let mut bits = Self::new(groups).bits;
        bits.fill(u8::MAX);
        if let Some(last) = bits.last_mut() {
            *last >>= (8 - groups % 8) % 8;
        }
        Self {
            groups,
            count: groups,
            bits,
        }
    }

    /// Returns the set with these bits.
    ///
    /// # Errors
    /// Fails where there are not as many bytes as the groups have, or a padding bit is set.
    ///
    /// # Panics
    /// Panics where there are more than [`GROUPS_MAX`] groups.
    pub fn from_bytes(groups: u32, bytes: &[u8]) -> Result<Self, GroupSetError> {
        assert!(groups <= GROUPS_MAX);
        let (expected, found) = (bytes_of(groups), bytes.len());
        if expected != found {
            return Err(GroupSetError::Length { expected, found });
        }
        let used = groups % 8;
        let padding = bytes.last().map_or(0, |last| last >> used);
        if used > 0 && padding > 0 {
            return Err(GroupSetError::Padding);
        }
        Ok(Self {
            groups,
            count: bytes.iter().map(|byte| byte.count_ones()).sum(),
            bits: bytes.to_vec(),
        })
    }

    /// Returns the bits.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bits
    }

    /// Returns how many groups the blob has.
    #[must_use]
    pub const fn groups(&self) -> u32 {
        self.groups
    }

    /// Returns how many of them are in the set.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether no group is in the set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether all groups are in the set.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.count == self.groups
    }

    /// Whether a group is in the set.
    #[must_use]
    pub fn contains(&self, group: u32) -> bool {
        let byte = self.bits.get(byte_of(group));
        byte.is_some_and(|byte| byte & bit_of(group) != 0)
    }

    /// Whether all groups of a range are in the set.
    #[must_use]
    pub fn contains_all(&self, range: GroupRange) -> bool {
        range.groups().all(|group| self.contains(group))
    }

    /// Puts a group into the set; returns whether it was not there. A group that the blob does not
    /// have is left out.
    pub fn insert(&mut self, group: u32) -> bool {
        let is_new = group < self.groups && !self.contains(group);
        if let Some(byte) = self.bits.get_mut(byte_of(group)).filter(|_| is_new) {
            *byte |= bit_of(group);
            self.count += 1;
        }
        is_new
    }

    /// Takes a group out of the set; returns whether it was there.
    pub fn remove(&mut self, group: u32) -> bool {
        let is_there = self.contains(group);
        if let Some(byte) = self.bits.get_mut(byte_of(group)).filter(|_| is_there) {
            *byte &= !bit_of(group);
            self.count -= 1;
        }
        is_there
    }

    /// Returns the first groups from `from` on that are side by side, not in this set, and in
    /// `held`; `None` for `held` is all groups. At most `count` of them.
    ///
    /// Costs a look at each byte of the bits up to the first such group.
    #[must_use]
    pub fn first_absent(&self, held: Option<&Self>, from: u32, count: u8) -> Option<GroupRange> {
        let first = self.first_wanted(held, from)?;
        let wanted = |group: &u32| *group < self.groups && self.is_wanted(held, *group);
        let run = (first..=u32::MAX).take_while(wanted).take(count.into());
        let count = u8::try_from(run.count()).expect("at most as many as were asked for");
        GroupRange::new(first, count)
    }

    fn first_wanted(&self, held: Option<&Self>, from: u32) -> Option<u32> {
        let head = from..self.groups.min(from.next_multiple_of(8));
        let rest = byte_of(from.next_multiple_of(8))..self.bits.len();
        let mut head = head.filter(|group| self.is_wanted(held, *group));
        head.next().or_else(|| {
            let mut bytes = rest.filter(|at| self.wanted_bits(held, *at) != 0);
            let at = bytes.next()?;
            let byte = u32::try_from(at).expect("no more bytes than groups");
            let group = byte * 8 + self.wanted_bits(held, at).trailing_zeros();
            Some(group).filter(|group| *group < self.groups)
        })
    }

    fn is_wanted(&self, held: Option<&Self>, group: u32) -> bool {
        !self.contains(group) && held.is_none_or(|held| held.contains(group))
    }

    fn wanted_bits(&self, held: Option<&Self>, at: usize) -> u8 {
        let byte = |set: &Self| set.bits.get(at).copied().unwrap_or_default();
        !byte(self) & held.map_or(u8::MAX, byte)
    }
}

/// Returns how many bytes the bits of so many groups have.
pub(crate) fn bytes_of(groups: u32) -> usize {
    byte_of(groups.next_multiple_of(8))
}

fn byte_of(group: u32) -> usize {
    usize::try_from(group / 8).expect("a pointer has 32 bits or more")
}

const fn bit_of(group: u32) -> u8 {
    1 << (group % 8)
}

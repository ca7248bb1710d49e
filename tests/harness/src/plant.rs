//! Bugs to plant: each stands for a mistake that an engine, a disk or a program could make, and each
//! must be found by the harnesses that it names.

use crate::harness::Harness::{
    self, Damage, Errors, Exhaustive, Kills, Model, Power, RecordsDamage, RecordsErrors,
    RecordsKills, RecordsModel, RecordsPower,
};

macro_rules! plants {
    ($($(#[doc = $what:literal])* $name:ident by $($harness:ident)+;)*) => {
        /// A bug on purpose.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Plant {
            $($(#[doc = $what])* $name,)*
        }

        impl Plant {
            /// Every bug.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Returns its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// Returns the bug of that name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.name() == name)
            }

            /// Returns what is wrong.
            #[must_use]
            pub fn what(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($what),*).trim_ascii_start(),)*
                }
            }

            /// Returns the harnesses that must find it.
            #[must_use]
            pub fn harnesses(self) -> &'static [Harness] {
                match self {
                    $(Self::$name => &[$($harness),+],)*
                }
            }
        }
    };
}

plants! {
    /// One sync in seven does nothing.
    SyncDropped by Power;
    /// No sync does anything.
    SyncNever by Power RecordsPower;
    /// A sync returns before what was written has reached the platter.
    SyncBeforeWrites by Power Exhaustive RecordsPower;
    /// The last write before a sync reaches the platter after it.
    WriteAfterSync by Power Exhaustive;
    /// An old page is written back after a sync.
    OldPageWrittenLate by Power;
    /// Only a part of the header reaches the platter.
    HeaderTorn by Power Exhaustive RecordsPower;
    /// One write in seven never reaches the platter.
    WriteDropped by Power RecordsPower;
    /// One write in seven lands a page too far.
    WriteMisplaced by Power;
    /// Half of one write in seven reaches the platter.
    WriteCut by Power;
    /// A bit of one write in seven is another on the platter.
    WriteFlipped by Power;
    /// One read in seven has a bit flipped.
    ReadFlipped by Model;
    /// One read in seven is zero.
    ReadZeroed by Model;
    /// One read in seven returns what stood there before the last write.
    StaleRead by Model RecordsModel;
    /// A write that fails says that it is done.
    FailedWriteHidden by Errors RecordsErrors;
    /// A sync that fails says that it is done.
    FailedSyncHidden by Errors RecordsErrors;
    /// A file that could not grow says that it has.
    FailedGrowthHidden by Errors;
    /// A write of half the bytes says that it is whole.
    ShortWriteHidden by Errors;
    /// A commit is acknowledged before its sync.
    AckBeforeSync by Power Exhaustive RecordsPower;
    /// The engine's sync of earlier commits does nothing.
    FlushSkipped by Power RecordsPower;
    /// A commit reaches the engine as two.
    CommitInTwo by Power Exhaustive Errors;
    /// Some entries of indexes are not written.
    IndexEntryForgotten by Power Model Kills;
    /// Entries of indexes are not removed.
    IndexEntryKept by Power Model;
    /// Records are not removed.
    RemovalForgotten by Power Model;
    /// The last of several edits of a table is not made.
    LastEditLost by Model Kills;
    /// The last byte of some values is missing.
    ValueCut by Model;
    /// Two values of a table are swapped.
    ValuesSwapped by Model;
    /// A table's edits go to its neighbour.
    TableMixedUp by Model;
    /// A snapshot is that of the commit before.
    StaleSnapshot by Model;
    /// A snapshot shows commits that came after it.
    MovingSnapshot by Model;
    /// A walk leaves out the first row.
    FirstRowSkipped by Model;
    /// A walk leaves out the last row.
    LastRowSkipped by Model;
    /// A walk from the back goes forward.
    BackIsFront by Model;
    /// The end of a range belongs to it though it is excluded.
    EndIncluded by Model;
    /// A table counts one row too many.
    CountOffByOne by Model;
    /// One look-up in eleven finds nothing.
    LookUpMisses by Model RecordsModel;
    /// The holder of a unique value is not looked for.
    UniqueUnchecked by Model;
    /// Keys differ by their first eight bytes alone.
    KeyCut by Model;
    /// A commit that fails says that it is done.
    FailedCommitHidden by Errors RecordsErrors;
    /// A commit that fails ends the thread.
    PanicOnFailure by Errors;
    /// A record that cannot be read is absent.
    FailedReadIsAbsent by Errors RecordsErrors;
    /// A walk ends where it cannot go on, as if there were no more.
    FailedWalkEnds by Errors RecordsErrors;
    /// A file that should be checked on opening is not.
    CheckSkipped by Damage RecordsDamage;
    /// A damaged record is absent.
    DamageIsAbsent by Damage;
    /// A walk leaves out damaged records.
    DamageIsSkipped by Damage;
    /// In the place of a damaged record stands the next one.
    NeighbourReturned by Damage;
    /// A damaged record is given as it was at another time.
    OldRecordReturned by Damage;
    /// A damaged record ends the thread.
    PanicOnDamage by Damage;
    /// A writer acknowledges what it is about to commit.
    AckBeforeCommit by Kills;
    /// A writer commits one change of two models as two.
    TwoCommitsForOne by Kills;
    /// A writer acknowledges a change that it left out.
    ChangeLeftOut by Kills;
    /// A writer leaves files beside its store.
    FileLeftBehind by Kills;
    /// Some rows of records are not written.
    RecordRowLost by RecordsModel RecordsPower RecordsKills;
    /// Rows of records are not removed.
    RecordRowKept by RecordsModel RecordsPower RecordsKills;
    /// Some rows of providers are not written.
    ProviderRowLost by RecordsModel RecordsPower;
    /// Rows of providers are not removed.
    ProviderRowKept by RecordsModel RecordsPower;
    /// Rows of announcements are not removed.
    AnnouncementRowKept by RecordsModel;
    /// The description of a record store is not written.
    DescriptionRowLost by RecordsModel RecordsPower;
    /// The rows of two records are swapped.
    RecordRowsSwapped by RecordsModel RecordsPower;
    /// A batch of rows reaches the engine as two commits.
    BatchInTwo by RecordsPower;
    /// A record store says that it has flushed before it has.
    RecordFlushNotAwaited by RecordsPower RecordsKills;
    /// A flush of a record store that fails says that it is done.
    RecordFlushErrorHidden by RecordsErrors;
    /// A record that is refused is said to be taken.
    RefusalHidden by RecordsModel RecordsErrors;
    /// A record is given after it has expired.
    ExpiredRecordGiven by RecordsModel;
    /// A provider is given after it has expired.
    ExpiredProviderGiven by RecordsModel;
    /// The providers of one key are given for another.
    ProvidersOfAnotherKey by RecordsModel;
    /// With one provider of a key all go.
    AllProvidersWithdrawn by RecordsModel;
    /// One removal of a record in three is not made.
    RecordRemovalIgnored by RecordsModel;
    /// A record store that is opened again has no providers.
    ProvidersForgottenOnOpening by RecordsModel RecordsPower;
    /// A publisher may have one record more than its quota.
    QuotaOffByOne by RecordsModel;
    /// A value may have one byte more than the limit.
    LargeValueTaken by RecordsModel;
    /// What others store lives longer than it may.
    LifeNotCut by RecordsModel;
    /// The nearest record goes to make room, not the farthest.
    NearestEvicted by RecordsModel;
    /// Others overwrite what this node publishes.
    OwnRecordOverwritten by RecordsModel;
    /// One record too many is counted.
    RecordCountOffByOne by RecordsModel RecordsPower;
    /// A walk over records leaves out the last.
    LastRecordSkipped by RecordsModel RecordsErrors;
    /// A record that cannot be read is not counted.
    ReadErrorUncounted by RecordsErrors;
    /// The health of a record store says nothing of a commit that failed.
    FailureUntold by RecordsErrors;
    /// A damaged row is not counted.
    DamagedRowUncounted by RecordsDamage;
    /// In the place of a damaged record of a peer something else is given.
    DamagedRecordGiven by RecordsDamage;
    /// A damaged row of a record store ends the thread.
    PanicOnDamagedRow by RecordsDamage;
    /// A process acknowledges a change of a record store that it left out.
    RecordLeftOut by RecordsKills;
}

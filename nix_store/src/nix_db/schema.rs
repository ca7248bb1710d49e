//! The tables that Nix makes.

/// How a Nix lays out its database, by a release that does so.
///
/// All have the schema 10 and can open each other's databases. They differ in what they note of the
/// tables of realisations, and in the indexes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NixSchema {
    /// A file `ca-schema` says the version of those tables; as Nix 2.4 to 2.24 have it.
    #[default]
    V2_8,
    /// A table `SchemaMigrations` names it; as Nix 2.25 to 2.34 have it.
    V2_34,
    /// As before, without an index that the primary key covers; as Nix from 2.35 on has it.
    V2_35,
}

/// The tables of every database.
pub(super) const TABLES: &str = "
create table ValidPaths (
    id               integer primary key autoincrement not null,
    path             text unique not null,
    hash             text not null,
    registrationTime integer not null,
    deriver          text,
    narSize          integer,
    ultimate         integer,
    sigs             text,
    ca               text
);
create table Refs (
    referrer  integer not null,
    reference integer not null,
    primary key (referrer, reference),
    foreign key (referrer) references ValidPaths(id) on delete cascade,
    foreign key (reference) references ValidPaths(id) on delete restrict
);
create table DerivationOutputs (
    drv  integer not null,
    id   text not null,
    path text not null,
    primary key (drv, id),
    foreign key (drv) references ValidPaths(id) on delete cascade
);
";

/// Their indexes and triggers, which a database is filled faster without.
pub(super) const INDEXES: &str = "
create index IndexReference on Refs(reference);
create trigger DeleteSelfRefs before delete on ValidPaths
  begin
    delete from Refs where referrer = old.id and reference = old.id;
  end;
create index IndexDerivationOutputs on DerivationOutputs(path);
";

const INDEX_REFERRER: &str = "create index IndexReferrer on Refs(referrer);\n";

/// The tables of realisations that are named by the hashes of derivations.
pub(super) const REALISATIONS: &str = "
create table Realisations (
    id integer primary key autoincrement not null,
    drvPath text not null,
    outputName text not null,
    outputPath integer not null,
    signatures text,
    foreign key (outputPath) references ValidPaths(id) on delete cascade
);
create index IndexRealisations on Realisations(drvPath, outputName);
create table RealisationsRefs (
    referrer integer not null,
    realisationReference integer,
    foreign key (referrer) references Realisations(id) on delete cascade,
    foreign key (realisationReference) references Realisations(id) on delete restrict
);
create index IndexRealisationsRefs on RealisationsRefs(referrer);
create index IndexRealisationsRefsOnOutputPath on Realisations(outputPath);
";

/// What newer releases have beside them.
const REALISATIONS_LATER: &str = "
create trigger DeleteSelfRefsViaRealisations before delete on ValidPaths
  begin
    delete from RealisationsRefs where realisationReference in (
      select id from Realisations where outputPath = old.id
    );
  end;
create index IndexRealisationsRefsRealisationReference
    on RealisationsRefs(realisationReference);
";

/// The table of realisations that are named by the paths of derivations.
pub(super) const BUILD_TRACE: &str = "
create table BuildTraceV3 (
    id integer primary key autoincrement not null,
    drvPath text not null,
    outputName text not null,
    outputPath text not null,
    signatures text
);
create index IndexBuildTraceV3 on BuildTraceV3(drvPath, outputName);
";

const MIGRATIONS: &str = "create table SchemaMigrations (migration text primary key not null);\n";
const MIGRATION_REALISATIONS: &str = "20220326-ca-derivations";
const MIGRATION_BUILD_TRACE: &str = "20251017-ca-derivations";
const MIGRATION_INDEX: &str = "20260309-drop-redundant-indexreferrer";

/// What the file `ca-schema` says, where it stands.
pub(super) const CA_SCHEMA_VERSION: &str = "3";

/// Which tables of realisations there are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Realisations {
    pub(super) by_hash: bool,
    pub(super) by_path: bool,
}

impl NixSchema {
    /// Returns what is done after the tables are filled.
    pub(super) fn finish(self, realisations: Realisations) -> String {
        let mut text = String::from(INDEXES);
        if self != Self::V2_35 {
            text.push_str(INDEX_REFERRER);
        }
        if self == Self::V2_8 {
            return text;
        }
        if realisations.by_hash {
            text.push_str(REALISATIONS_LATER);
        }
        text.push_str(MIGRATIONS);
        let migrations = [
            (MIGRATION_REALISATIONS, realisations.by_hash),
            (MIGRATION_BUILD_TRACE, realisations.by_path),
            (MIGRATION_INDEX, self == Self::V2_35),
        ];
        for (name, _) in migrations.iter().filter(|(_, is_done)| *is_done) {
            text.push_str(&format!(
                "insert into SchemaMigrations values ('{name}');\n"
            ));
        }
        text
    }
}

/// Returns what makes an empty database with all tables.
pub(super) fn everything() -> String {
    let realisations = Realisations {
        by_hash: true,
        by_path: true,
    };
    let finish = NixSchema::V2_34.finish(realisations);
    [TABLES, REALISATIONS, BUILD_TRACE, &finish].concat()
}

//! Databases made by somebody who means no good, and damaged ones.

use nix_store::{
    nix_db::{NixDbError, NixDbOptions, StoreDb},
    store::Direction,
};

use crate::support::{Place, ask_everything, everything, own};

/// Changes a database, asks it everything, and returns the error.
fn refused(change: &str) -> String {
    let (place, _) = Place::with_world(12);
    place.change(change);
    let error = match place.open() {
        Ok(db) => own(ask_everything(&db).unwrap_err()),
        Err(error) => error,
    };
    let source = std::error::Error::source(&error).map(ToString::to_string);
    format!("{error}: {}", source.unwrap_or_default())
}

#[test]
fn a_value_of_another_type_or_shape_names_its_table_and_row() {
    let check = |change: &str, says: &str| {
        let error = refused(change);
        assert!(error.contains(says), "{change}: {error}");
    };
    let set =
        |column_and_value: &str| format!("update ValidPaths set {column_and_value} where id = 3");
    let row = "table ValidPaths, row 3: ";
    for column in [
        "path",
        "hash",
        "deriver",
        "sigs",
        "ca",
        "narSize",
        "ultimate",
        "registrationTime",
    ] {
        check(
            &set(&format!("{column} = x'00ff'")),
            &format!("{row}{column} is a blob"),
        );
    }
    check(&set("narSize = 'many'"), &format!("{row}narSize is a text"));
    check(
        &set("narSize = 1.5"),
        &format!("{row}narSize is a real number"),
    );
    check(&set("narSize = -1"), &format!("{row}narSize is negative"));
    check(
        &set("registrationTime = -1"),
        &format!("{row}registrationTime is negative"),
    );
    check(&set("path = cast(x'ff' as text)"), "path \"\u{fffd}\"");
    check(
        &set("path = '/nix/store/short'"),
        "path \"/nix/store/short\"",
    );
    check(
        &set("path = '/gnu/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-x'"),
        "path \"/gnu/store/",
    );
    check(&set("path = path || '/../x'"), "path \"");
    check(&set("hash = 5"), "hash \"5\"");
    check(&set("hash = 'sha256:00'"), "hash \"sha256:00\"");
    check(
        &set("hash = 'sha1:' || substr(hash, 8, 40)"),
        "hash \"sha1:",
    );
    check(&set("deriver = ''"), "deriver \"\"");
    check(&set("sigs = 'a:b c'"), "sigs \"a:b\"");
    check(&set("ca = 'fixed:sha256:x'"), "ca \"fixed:sha256:x\"");
    check("update DerivationOutputs set id = 'a/b'", "id \"a/b\"");
    check("update DerivationOutputs set path = 'x'", "path \"x\"");
    check("update Realisations set drvPath = 'x'", "drvPath \"x\"");
    check("update Realisations set outputName = ''", "outputName \"\"");
    check("update BuildTraceV3 set drvPath = '/x'", "drvPath \"/x\"");
    check("update BuildTraceV3 set outputPath = 7", "outputPath \"7\"");
    check(
        "update BuildTraceV3 set signatures = x'00'",
        "signatures is a blob",
    );
}

#[test]
fn a_row_that_is_not_there_is_an_error_of_who_refers_to_it() {
    let dangles = "is a row that is not there";
    for (change, says) in [
        ("insert into Refs values (3, 9999)", ": reference is"),
        ("insert into Refs values (9999, 3)", ": referrer is"),
        ("insert into Refs values (-5, 3)", ": referrer is"),
        (
            "update Realisations set outputPath = 9999",
            "table Realisations, row 1: outputPath",
        ),
        (
            "update RealisationsRefs set realisationReference = 99",
            "realisationReference",
        ),
        (
            "update DerivationOutputs set drv = 9999",
            "table DerivationOutputs, row 1: drv",
        ),
    ] {
        let error = refused(change);
        assert!(
            error.contains(says) && error.contains(dangles),
            "{change}: {error}"
        );
    }
}

#[test]
fn a_dependency_without_a_realisation_is_passed_over_as_nix_does() {
    let (place, _) = Place::with_world(12);
    place.change("update RealisationsRefs set realisationReference = null");
    let (_, realisations) = everything(&place.open().unwrap()).unwrap();
    assert_eq!(realisations.len(), 3);
}

#[test]
fn tables_and_indexes_that_are_missing_or_run_code_are_refused_when_opened() {
    for table in ["ValidPaths", "Refs", "DerivationOutputs"] {
        let error = refused(&format!("drop table {table}"));
        assert_eq!(error, format!("there is no table {table}: "));
        let endless = format!(
            "drop table {table}; create view {table} as with recursive n(id) as \
             (select 1 union all select id + 1 from n) select id, id as path from n"
        );
        assert_eq!(refused(&endless), format!("there is no table {table}: "));
    }
    let error = refused("drop index IndexReference");
    assert_eq!(error, "table Refs has no index of reference: ");
    let error = refused("drop index IndexDerivationOutputs");
    assert_eq!(error, "table DerivationOutputs has no index of path: ");
    let nocase = "drop index IndexReference; \
                  create index IndexReference on Refs(reference collate nocase)";
    assert_eq!(refused(nocase), "table Refs has no index of reference: ");
    let error = refused("alter table ValidPaths rename column ca to address");
    assert!(error.contains("no such column: ca"), "{error}");
}

#[test]
fn a_row_of_16_mib_is_refused_before_it_is_in_memory() {
    let change = "update ValidPaths set sigs = cast(zeroblob(17 << 20) as text) where id = 2";
    let error = refused(change);
    assert!(
        error.contains("read ValidPaths: string or blob too big"),
        "{error}"
    );
}

#[test]
fn a_circle_of_references_ends_every_closure() {
    let (place, world) = Place::with_world(12);
    place.change("insert or ignore into Refs select a.id, b.id from ValidPaths a, ValidPaths b");
    let db = place.open().unwrap();
    for direction in [Direction::References, Direction::Referrers] {
        let found = db
            .closure(&[world[0].path.clone()].into(), direction)
            .unwrap();
        assert_eq!(found.len(), world.len());
    }
}

#[test]
fn triggers_and_defaults_of_the_file_do_nothing_to_who_reads() {
    let (place, world) = Place::with_world(12);
    place.change(
        "create trigger t after update on ValidPaths begin select load_extension('x'); end",
    );
    assert_eq!(
        place.open().unwrap().valid_paths().unwrap().len(),
        world.len()
    );
}

#[test]
fn what_is_no_database_is_refused() {
    let place = Place::empty();
    for bytes in [
        &b""[..],
        b"x",
        b"SQLite format 3\0",
        &[0; 4096],
        &[0xff; 5000],
    ] {
        std::fs::write(&place.db, bytes).unwrap();
        match place.open().unwrap_err() {
            NixDbError::Open { .. } | NixDbError::NoTable { .. } | NixDbError::Sqlite { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    let folder = StoreDb::open(place.folder.path(), &NixDbOptions::default());
    assert!(matches!(
        folder.unwrap_err(),
        NixDbError::Open { .. } | NixDbError::Sqlite { .. }
    ));
}

#[test]
fn a_truncated_file_gives_an_error_or_the_right_answer() {
    let (place, _) = Place::with_world(25);
    let whole = std::fs::read(&place.db).unwrap();
    let right = ask_everything(&place.open().unwrap()).unwrap();
    let mut refusals = 0;
    for step in 0..60 {
        let length = whole.len() * step / 60;
        std::fs::write(&place.db, &whole[..length]).unwrap();
        match place.open().map(|db| ask_everything(&db)) {
            Ok(Ok(said)) => assert!(said == right),
            Ok(Err(error)) => drop(own(error)),
            Err(_) => refusals += 1,
        }
    }
    assert!(refusals > 0);
}

#[test]
fn a_flipped_byte_gives_an_answer_or_an_error_and_never_a_panic() {
    let (place, _) = Place::with_world(25);
    let whole = std::fs::read(&place.db).unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut errors = 0;
    for round in 0..240_usize {
        let mut bytes = whole.clone();
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(round as u64 | 1);
        // Half of them in the heads of pages, where the structure is.
        let at = (state >> 33) as usize % bytes.len();
        let at = if round % 2 == 0 {
            at
        } else {
            at / 4096 * 4096 + at % 32
        };
        bytes[at] ^= 1 << (round % 8) | u8::from(round % 3 == 0) << 7;
        std::fs::write(&place.db, &bytes).unwrap();
        match place.open().map(|db| ask_everything(&db)) {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => errors += 1,
        }
    }
    assert!(errors > 24, "{errors}");
}

#[test]
fn a_page_that_has_one_child_many_times_is_an_error_and_no_endless_loop() {
    let (place, _) = Place::with_world(400);
    let whole = std::fs::read(&place.db).unwrap();
    let mut out_of_order = 0;
    for (page, head) in whole.chunks(4096).enumerate().skip(1) {
        // An inner page of a table or of an index: all of its cells lead to its first child then.
        if !matches!(head[0], 2 | 5) {
            continue;
        }
        let mut bytes = whole.clone();
        let page_bytes = &mut bytes[page * 4096..][..4096];
        let cells = usize::from(u16::from_be_bytes([page_bytes[3], page_bytes[4]]));
        let first = usize::from(u16::from_be_bytes([page_bytes[12], page_bytes[13]]));
        let child: [u8; 4] = page_bytes[first..first + 4].try_into().unwrap();
        page_bytes[8..12].copy_from_slice(&child);
        for cell in 0..cells {
            let pointer = 12 + 2 * cell;
            let at = u16::from_be_bytes([page_bytes[pointer], page_bytes[pointer + 1]]);
            page_bytes[usize::from(at)..][..4].copy_from_slice(&child);
        }
        std::fs::write(&place.db, &bytes).unwrap();
        let Err(error) = place
            .open()
            .map_err(Into::into)
            .and_then(|db| ask_everything(&db))
        else {
            continue;
        };
        let error = own(error);
        out_of_order += u32::from(matches!(
            error,
            NixDbError::Order {
                table: "ValidPaths",
                ..
            }
        ));
    }
    assert!(out_of_order >= 1);
}

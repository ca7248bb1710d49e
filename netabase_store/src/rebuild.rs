//! Building indexes anew from the records of a model.

use crate::{
    backends::{Backend, End, Span},
    error::Result,
    plan::{Entries, plan_entries},
    tables::{IndexTable, ModelTables},
    txn::WriteCore,
    write::check_claims,
};

/// Replaces every entry of the indexes that `is_wanted` picks; `entries_of` adds what a row has.
///
/// # Errors
/// Fails when a row cannot be read, or when two records have a value that may be had once.
pub(crate) fn rebuild_indexes<B: Backend>(
    core: &WriteCore<B>,
    model: &ModelTables,
    is_wanted: impl Fn(&IndexTable) -> bool,
    mut entries_of: impl FnMut(&[u8], &[u8], &mut Entries) -> Result<()>,
) -> Result<()> {
    let wanted: Vec<_> = model
        .indexes
        .iter()
        .filter(|it| is_wanted(it))
        .map(|it| it.id)
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let reader = core.reader();
    for table in &wanted {
        let mut rows = reader.rows(*table, &Span::ALL)?;
        while let Some(key) = rows.step(End::Front, |key, _| key.to_vec())? {
            core.edit(*table, key, None);
        }
    }
    let (none, mut entries) = (Entries::default(), Entries::default());
    let mut rows = reader.rows(model.rows.id, &Span::ALL)?;
    while let Some(done) = rows.step(End::Front, |key, row| {
        entries.clear();
        entries_of(key, row, &mut entries)?;
        check_claims(core, model, key, &none, &entries)?;
        plan_entries(model, key, &none, &entries, &mut |edit| {
            if wanted.contains(&edit.table) {
                core.edit(edit.table, edit.key, edit.value);
            }
        });
        Ok::<_, crate::NetabaseError>(())
    })? {
        done?;
    }
    Ok(())
}

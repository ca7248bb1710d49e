//! The fields of a record: their values, and their names when something is wrong with them.

use crate::value::ValueError;

/// Names the field in the error of its value.
///
/// Generic over no trait of the value, so that a type that cannot be stored is one message at the
/// call that reads or writes it.
///
/// # Errors
/// Fails when the value did.
#[inline]
pub fn name_field<R>(result: Result<R, ValueError>, field: &str) -> Result<R, ValueError> {
    result.map_err(|error| in_field(error, field))
}

#[cold]
pub(crate) fn in_field(error: ValueError, field: &str) -> ValueError {
    ValueError {
        at: error.at,
        what: format!("field `{field}`: {}", error.what),
    }
}

//! Values whose types are known only from the stored description.

use crate::{
    backends::hex,
    schema::{NamedType, Shape},
};

/// Returns a key as a person would write it, or its bytes where they are no key of the type.
pub(crate) fn display_key(_shape: &Shape, _types: &[NamedType], key: &[u8]) -> String {
    hex(key)
}

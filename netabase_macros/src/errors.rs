//! The collector of mistakes: all are reported at once, and none is forgotten.

use std::{fmt::Display, thread};

use proc_macro2::TokenStream;
use quote::ToTokens;

/// The mistakes found so far; it must be finished or discarded.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    found: Vec<syn::Error>,
    closed: bool,
}

impl Errors {
    /// Adds a mistake at `tokens`.
    pub(crate) fn add(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.found.push(syn::Error::new_spanned(tokens, message));
    }

    /// Returns the value of `result`, or adds its error.
    pub(crate) fn take<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.found.push(error)).ok()
    }

    /// Returns how many mistakes there are.
    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    /// Appends one `compile_error!` a mistake to `expansion`.
    pub(crate) fn finish(mut self, mut expansion: TokenStream) -> TokenStream {
        self.closed = true;
        expansion.extend(self.found.iter().map(syn::Error::to_compile_error));
        expansion
    }

    /// Forgets the mistakes, which another macro reports.
    pub(crate) fn discard(mut self) {
        self.closed = true;
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        assert!(
            self.closed || thread::panicking(),
            "mistakes were collected but never reported"
        );
    }
}

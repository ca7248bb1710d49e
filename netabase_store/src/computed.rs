//! Computed indexes: what a function may return, and comparison of keys by their encoding.

/// What a function of a computed index may return for an index over `K`.
#[diagnostic::on_unimplemented(
    message = "the function of this index returns `{Self}`, the index holds `{K}`",
    label = "returns `{Self}`",
    note = "name the type that it returns: `#[secondary_key(name = .., with = .., key = Type)]`; without `key` it is `String`"
)]
pub trait IntoIndexed<K> {
    /// Returns the value to index.
    fn into_indexed(self) -> K;
}

impl<K> IntoIndexed<K> for K {
    fn into_indexed(self) -> K {
        self
    }
}

impl IntoIndexed<String> for &str {
    fn into_indexed(self) -> String {
        self.to_owned()
    }
}

impl IntoIndexed<Option<String>> for Option<&str> {
    fn into_indexed(self) -> Option<String> {
        self.map(str::to_owned)
    }
}

/// Implements equality, order and hash of a key type through its encoding, which has them all.
#[doc(hidden)]
#[macro_export]
macro_rules! key_via_encoding {
    ($key:ty) => {
        #[automatically_derived]
        impl ::core::cmp::PartialEq for $key {
            fn eq(&self, other: &Self) -> bool {
                ::core::cmp::Ord::cmp(self, other) == ::core::cmp::Ordering::Equal
            }
        }

        #[automatically_derived]
        impl ::core::cmp::Eq for $key {}

        #[automatically_derived]
        impl ::core::cmp::PartialOrd for $key {
            fn partial_cmp(&self, other: &Self) -> ::core::option::Option<::core::cmp::Ordering> {
                ::core::option::Option::Some(::core::cmp::Ord::cmp(self, other))
            }
        }

        #[automatically_derived]
        impl ::core::cmp::Ord for $key {
            fn cmp(&self, other: &Self) -> ::core::cmp::Ordering {
                let (this, other) = ($crate::encode_key(self), $crate::encode_key(other));
                ::core::cmp::Ord::cmp(&this, &other)
            }
        }

        #[automatically_derived]
        impl ::core::hash::Hash for $key {
            fn hash<H: ::core::hash::Hasher>(&self, state: &mut H) {
                ::core::hash::Hash::hash(&$crate::encode_key(self), state);
            }
        }
    };
}

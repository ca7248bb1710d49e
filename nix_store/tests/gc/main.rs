//! Garbage collection: roots are found, what they lead to stays, the rest goes.

#![cfg(all(feature = "store", unix))]

mod collecting;
mod deleting;
mod leftovers;
mod nix;
mod roots;
mod support;
mod temporary;

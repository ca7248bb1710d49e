//! What every store of objects does: one suite, run on each kind of store.
//!
//! A kind of store joins with an implementation of [`Subject`] and one `store_suite!` line.

#![cfg(feature = "store")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a test does stands in functions that are run on every kind of store"
)]

mod adding;
mod asking;
mod below;
mod changing;
mod corpus;
mod derivations;
mod failing;
mod fixture;
mod hashing;
mod json;
mod model;
#[cfg(unix)]
mod on_disk;
mod registering;
mod subjects;

use nix_core::{signature::TrustedKeys, store_path::StorePath};
use nix_store::store::WriteStore;

use subjects::{Above, Memory};

/// A kind of store, of which a test makes one that is empty.
trait Subject: Sized {
    type Store: WriteStore + Sync;

    /// How many sequences of random operations are tried.
    const MODEL_CASES: u32;

    /// Returns an empty store of `/nix/store` that demands no signatures.
    fn new() -> Self;

    /// Returns an empty store that demands a signature of one of the keys.
    fn with_trusted_keys(keys: TrustedKeys) -> Self;

    fn store(&self) -> &Self::Store;

    /// Puts an object into its place without making it valid.
    fn place(&self, path: &StorePath, nar: &[u8]);
}

macro_rules! store_suite {
    ($name:ident, $subject:ty) => {
        mod $name {
            use super::*;

            store_suite!(@ $subject: adding {
                contents_have_the_paths_that_nix_gives_them
                texts_have_the_paths_that_nix_gives_them
                what_was_added_by_its_content_is_described
                what_cannot_be_addressed_as_asked_is_refused
                an_object_that_is_not_what_was_said_is_refused
                a_reference_that_is_not_valid_is_refused
                the_reader_is_left_behind_the_archive
                a_second_add_is_present_and_joined
                a_second_add_of_other_contents_is_refused
                objects_may_refer_to_themselves
                a_store_with_keys_demands_a_signature
                content_addressed_objects_need_no_signature
                of_many_threads_that_add_one_path_one_is_first
                many_threads_add_and_delete_without_loss
            });
            store_suite!(@ $subject: derivations {
                a_claim_to_the_output_of_another_is_refused
                a_derivation_lies_where_its_contents_say
                derivations_of_every_kind_are_taken
                derivations_that_come_together_need_no_order
            });
            store_suite!(@ $subject: asking {
                what_is_not_valid_is_nothing_to_any_question
                what_was_added_is_given_back
                objects_of_every_kind_come_back
                referrers_are_those_that_refer
                closures_go_both_ways
                paths_are_found_by_their_hash_part
                a_writer_that_fails_is_an_error
                outputs_and_derivers_of_derivations_are_known
                derivations_that_are_none_are_refused
            });
            store_suite!(@ $subject: changing {
                signatures_are_joined
                realisations_of_both_kinds_are_kept
                realisations_that_contradict_are_refused
                realisations_tell_the_outputs_of_derivations
                deleted_objects_are_gone_and_can_come_back
                objects_that_are_referred_to_stay
                a_deletion_takes_the_realisations_with_it
                a_file_stays_executable_or_not_as_it_came_first
            });
            store_suite!(@ $subject: failing {
                a_reader_that_fails_anywhere_leaves_the_store_as_it_was
                an_archive_cut_anywhere_leaves_the_store_as_it_was
                a_changed_byte_anywhere_leaves_the_store_as_it_was
                a_cut_archive_of_a_valid_path_joins_nothing
                an_endless_archive_is_refused_when_its_size_is_known
            });
            store_suite!(@ $subject: registering {
                placed_objects_become_valid_together
                what_is_only_placed_is_not_valid
                of_objects_that_do_not_all_fit_none_is_registered
                circles_are_refused
                registering_what_is_valid_joins_it
            });
            store_suite!(@ $subject: model {
                random_operations_agree_with_the_model
            });
        }
    };
    (@ $subject:ty: $chapter:ident { $($test:ident)* }) => {
        $(
            #[test]
            fn $test() {
                $chapter::$test::<$subject>();
            }
        )*
    };
}

store_suite!(memory, Memory);
store_suite!(read_only, Above);
#[cfg(unix)]
store_suite!(local, on_disk::Local);

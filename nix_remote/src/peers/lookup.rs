//! Lookups: what is asked of a DHT about store paths, what is made of the answers, and in which order
//! a closure is fetched.
//!
//! [`Lookups`] asks for the announcements of a path or an output, of which each is verified before it
//! counts, and then who has the archive of a path. [`Closure`] turns a few wanted paths into a plan:
//! first all that is missing is resolved, breadth-first through the references of announcements, then
//! it is fetched and added, several objects at a time, references before referrers.
//!
//! Nothing here does IO or has a clock. Times are [`Duration`](std::time::Duration)s since a moment
//! that the caller picks, and never go back; announcements are judged by seconds since 1970.

mod closure;
mod contradiction;
mod found;
mod lookups;
mod realised;
mod refused;
mod remembered;
mod search;
mod subject;

pub use self::{
    closure::{CLOSURE_PATHS_MAX, Closure, ClosureError, ClosureLimits, Step},
    contradiction::Contradiction,
    found::{Archive, Found},
    lookups::{Begun, LookupLimits, LookupOutput, Lookups, Outcome, QuestionId, SIGNERS_ASKED_MAX},
    realised::Realised,
    refused::{REASONS_MAX, REFUSED_MAX, Refused},
    remembered::{ABSENT_FOR, ABSENT_MAX, ASIDE_FOR, ASIDE_MAX, UNANSWERED_FOR},
    search::{
        CONTRADICTIONS_MAX, JUDGED_PER_QUESTION_MAX, PROVIDERS_ENOUGH, PROVIDERS_MAX,
        PROVIDERS_PER_ANSWER_MAX, Question, ROOTS_MAX, RecordError,
    },
    subject::Subject,
};

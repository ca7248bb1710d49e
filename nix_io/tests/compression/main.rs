//! Compression streams: round trips, the formats' own tools, and hostile input.

mod hostile;
mod limits;
mod members;
mod round_trip;
mod support;
mod tools;

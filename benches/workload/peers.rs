//! The stores that people would use instead, each as its documentation shows.

pub mod fjall;
pub mod native_db;
pub mod sqlite;

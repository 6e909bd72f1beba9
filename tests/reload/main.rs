//! A running server becomes another program, and nobody notices: no connection closed, every message
//! in order and once, every result once and not before its time; and whatever is wrong with the new
//! program, the old one goes on.

#[path = "../support/mod.rs"]
mod support;

mod crowds;
mod failures;
mod moments;
mod place;
mod stays;
mod store;

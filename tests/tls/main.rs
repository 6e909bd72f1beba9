//! TLS in the process, over real sockets: what is served by it, what attacks it, and certificates
//! that come, change and are wrong.
//!
//! Certificates are made by openssl when a test needs one, and believed by nobody: the clients here
//! look at what they get.

#![cfg(feature = "tls")]

#[path = "../support/mod.rs"]
mod support;

mod attacks;
mod certificates;
mod pair;
mod reload;
mod secure;
mod serving;
mod tools;

//! The coding `gzip` (RFC 1952), for the build script and for the page that differs from server to
//! server.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// These bytes, packed as well as can be.
pub(crate) fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("writing to memory does not fail")
}

/// FNV-1a, 64 bits: tells versions of our own files apart, which is all an entity tag needs.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

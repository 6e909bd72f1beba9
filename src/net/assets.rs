//! The web client's files, embedded into the binary, with the headers that go with them.
//!
//! Absent: a file system. What is not in the table does not exist.

use std::sync::LazyLock;

/// One embedded file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    /// Relative to `/` and to `BASE/`.
    pub(crate) path: &'static str,
    /// The value of `Content-Type`.
    pub(crate) content_type: &'static str,
    /// The value of `Cache-Control`.
    pub(crate) cache: &'static str,
    /// The file itself.
    pub(crate) bytes: &'static [u8],
}

/// The page and its script change together: a browser asks every time, and mostly hears 304.
const ASK: &str = "no-cache";

#[rustfmt::skip]
const ASSETS: &[Asset] = &[
    Asset { path: "", content_type: "text/html; charset=utf-8", cache: ASK, bytes: include_bytes!("../client/web/index.html") },
    Asset { path: "index.html", content_type: "text/html; charset=utf-8", cache: ASK, bytes: include_bytes!("../client/web/index.html") },
    Asset { path: "app.js", content_type: "text/javascript; charset=utf-8", cache: ASK, bytes: include_bytes!("../client/web/app.js") },
    Asset { path: "style.css", content_type: "text/css; charset=utf-8", cache: ASK, bytes: include_bytes!("../client/web/style.css") },
];

/// Hashes of [`ASSETS`], in the same order; computed once, when the first file is asked for.
static HASHES: LazyLock<Vec<u64>> =
    LazyLock::new(|| ASSETS.iter().map(|asset| fnv1a(asset.bytes)).collect());

/// The file at `path` (without the leading slash) and its entity tag, quotes included.
pub(crate) fn find(path: &str) -> Option<(&'static Asset, String)> {
    let index = ASSETS.iter().position(|asset| asset.path == path)?;
    let hash = HASHES.get(index)?;
    Some((ASSETS.get(index)?, format!("\"{hash:016x}\"")))
}

/// FNV-1a, 64 bits: tells versions of our own files apart, which is all an entity tag needs.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::{ASSETS, find, fnv1a};

    #[test]
    fn every_file_is_found_once_and_the_page_under_both_names() {
        for asset in ASSETS {
            let same = ASSETS.iter().filter(|other| other.path == asset.path);
            assert_eq!(same.count(), 1, "{}", asset.path);
            assert!(!asset.bytes.is_empty(), "{}", asset.path);
            assert!(find(asset.path).is_some());
        }
        assert_eq!(
            find("").map(|(_, tag)| tag),
            find("index.html").map(|(_, tag)| tag)
        );
        assert!(find("../Cargo.toml").is_none());
    }

    #[test]
    fn the_hash_is_fnv() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}

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
/// A picture that changes may be the old one for a day.
const DAY: &str = "public, max-age=86400";

const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! file {
    ($path:literal, $content_type:expr, $cache:expr) => {
        Asset {
            path: $path,
            content_type: $content_type,
            cache: $cache,
            bytes: include_bytes!(concat!("../client/web/", $path)),
        }
    };
}

/// Where the page names the base path, for its script to find.
const BASE_MARK: &str = "{{BASE}}";
/// Where the page says yes or no to pictures from elsewhere.
const REMOTE_MARK: &str = "{{REMOTE}}";

/// The `Content-Security-Policy` around a list of sources for pictures: it allows the page its own
/// script, style, pictures and socket, and nothing else.
///
/// `connect-src 'self'` covers `ws:` and `wss:` of the same origin (CSP 3, section 6.7.2.8).
macro_rules! policy {
    ($pictures:literal) => {
        concat!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src ",
            $pictures,
            "; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    };
}

const INDEX: Asset = file!("index.html", "text/html; charset=utf-8", ASK);

/// All files but the page itself, which differs from server to server.
const ASSETS: &[Asset] = &[
    file!("app.js", JS, ASK),
    file!("session.js", JS, ASK),
    file!("words.js", JS, ASK),
    file!("style.css", "text/css; charset=utf-8", ASK),
    file!("avatars/0.svg", SVG, DAY),
    file!("avatars/1.svg", SVG, DAY),
    file!("avatars/2.svg", SVG, DAY),
    file!("avatars/3.svg", SVG, DAY),
    file!("avatars/4.svg", SVG, DAY),
    file!("avatars/5.svg", SVG, DAY),
    file!("avatars/6.svg", SVG, DAY),
    file!("avatars/7.svg", SVG, DAY),
    file!("avatars/8.svg", SVG, DAY),
    file!("avatars/9.svg", SVG, DAY),
    file!("avatars/10.svg", SVG, DAY),
    file!("avatars/11.svg", SVG, DAY),
    file!("avatars/12.svg", SVG, DAY),
    file!("avatars/13.svg", SVG, DAY),
    file!("avatars/14.svg", SVG, DAY),
    file!("avatars/15.svg", SVG, DAY),
    file!("avatars/robot.svg", SVG, DAY),
];

/// The page as this server tells it.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    bytes: &'static [u8],
    hash: u64,
    policy: &'static str,
}

impl Page {
    /// The page as it is compiled in, for tests that need some page.
    #[cfg(test)]
    pub(crate) const BLANK: Self = Self {
        bytes: INDEX.bytes,
        hash: 0,
        policy: policy!("'self' data:"),
    };

    /// The page that finds its socket at `base`: unreserved URL characters only, so that there is
    /// nothing to escape. With `remote` it loads players' avatars from wherever they lie.
    ///
    /// It lives as long as the process, like the files that are compiled in: answers borrow it.
    #[must_use]
    pub fn new(base: &str, remote: bool) -> Self {
        let text = String::from_utf8_lossy(INDEX.bytes)
            .replace(BASE_MARK, base)
            .replace(REMOTE_MARK, if remote { "yes" } else { "no" });
        let bytes: &'static [u8] = Box::leak(text.into_bytes().into_boxed_slice());
        Self {
            bytes,
            hash: fnv1a(bytes),
            policy: match remote {
                true => policy!("'self' data: https: http:"),
                false => policy!("'self' data:"),
            },
        }
    }

    /// The value of `Content-Security-Policy`.
    pub(crate) fn policy(&self) -> &'static str {
        self.policy
    }
}

/// Hashes of [`ASSETS`], in the same order; computed once, when the first file is asked for.
static HASHES: LazyLock<Vec<u64>> =
    LazyLock::new(|| ASSETS.iter().map(|asset| fnv1a(asset.bytes)).collect());

/// The file at `path` (without the leading slash) and its entity tag, quotes included.
pub(crate) fn find(path: &str, page: Page) -> Option<(Asset, String)> {
    let (asset, hash) = if matches!(path, "" | "index.html") {
        (
            Asset {
                bytes: page.bytes,
                ..INDEX
            },
            page.hash,
        )
    } else {
        let index = ASSETS.iter().position(|asset| asset.path == path)?;
        (*ASSETS.get(index)?, *HASHES.get(index)?)
    };
    Some((asset, format!("\"{hash:016x}\"")))
}

/// FNV-1a, 64 bits: tells versions of our own files apart, which is all an entity tag needs.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::{ASSETS, BASE_MARK, INDEX, Page, find, fnv1a};

    #[test]
    fn every_file_is_found_once_and_the_page_under_both_names() {
        let page = Page::new("/applet/websocket", false);
        for asset in ASSETS {
            let same = ASSETS.iter().filter(|other| other.path == asset.path);
            assert_eq!(same.count(), 1, "{}", asset.path);
            assert!(!asset.bytes.is_empty(), "{}", asset.path);
            assert!(find(asset.path, page).is_some());
        }
        let tag = |path| find(path, page).map(|(_, tag)| tag);
        assert_eq!(tag(""), tag("index.html"));
        assert!(tag("").is_some());
        assert_eq!(tag("../Cargo.toml"), None);
    }

    #[test]
    fn the_page_names_the_base_path_and_is_another_one_for_another() {
        let told = |base| {
            let page = Page::new(base, false);
            let (asset, tag) = find("", page).expect("the page");
            (String::from_utf8_lossy(asset.bytes).into_owned(), tag)
        };
        let (one, one_tag) = told("/one");
        let (two, two_tag) = told("/two");
        assert!(one.contains(r#"content="/one""#) && two.contains(r#"content="/two""#));
        assert!(!one.contains(BASE_MARK));
        assert_ne!(one_tag, two_tag);
    }

    #[test]
    fn pictures_from_elsewhere_need_the_switch() {
        for (remote, word, sources) in [
            (false, "no", "img-src 'self' data:;"),
            (true, "yes", "img-src 'self' data: https: http:;"),
        ] {
            let page = Page::new("/base", remote);
            assert!(page.policy().contains(sources), "{}", page.policy());
            let text = String::from_utf8_lossy(page.bytes);
            let meta = format!(r#"name="roshambo-remote" content="{word}""#);
            assert!(text.contains(&meta), "{meta}");
        }
    }

    /// Phones on a bad line wait for every byte, and nothing of it is compressed.
    #[test]
    fn everything_together_is_under_60_kilobytes() {
        let files = ASSETS.iter().map(|asset| asset.bytes.len());
        let total = files.sum::<usize>() + INDEX.bytes.len();
        assert!(total < 60_000, "{total} bytes");
    }

    /// The game as README.md shows it: somebody reads that on a phone, too.
    #[test]
    fn the_picture_in_the_readme_is_a_small_png() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let readme = std::fs::read_to_string(root.join("README.md")).expect("README.md");
        assert!(readme.contains("](src/client/picture.png)"));
        let picture = std::fs::read(root.join("src/client/picture.png")).expect("the picture");
        assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"));
        let size = picture.len();
        assert!((10_000..100_000).contains(&size), "{size} bytes");
    }

    #[test]
    fn the_hash_is_fnv() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}

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

/// Where the page names the socket's address, for its script to find.
const SOCKET_MARK: &str = "{{SOCKET}}";
/// Where the page says yes or no to pictures from elsewhere.
const REMOTE_MARK: &str = "{{REMOTE}}";

/// The `Content-Security-Policy` around a list of sources for pictures: it allows the page its own
/// script, style, pictures and socket, and nothing else.
///
/// `connect-src 'self'` covers `ws:` and `wss:` of the same origin (CSP 3, section 6.7.2.8). The
/// hash is that of the page's only inline script (6.7.2.3, the bytes between its tags): it puts the
/// slash behind a folder's name that a proxy left away, before anything is looked for there.
macro_rules! policy {
    ($pictures:literal) => {
        concat!(
            "default-src 'none'; script-src 'self' ",
            "'sha256-tF5OTL0mca4R4TwQOVb4oKHG/LGG1icCYcul9bvxXrk='; style-src 'self'; img-src ",
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
    at_root: Told,
    at_base: Told,
    policy: &'static str,
}

/// The page's text at one of its two addresses.
#[derive(Clone, Copy, Debug)]
struct Told {
    bytes: &'static [u8],
    hash: u64,
}

/// Below which of the two addresses a file was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Folder {
    /// `/`.
    Root,
    /// `BASE/`.
    Base,
}

impl Page {
    /// The page as it is compiled in, for tests that need some page.
    #[cfg(test)]
    pub(crate) const BLANK: Self = Self {
        at_root: Told {
            bytes: INDEX.bytes,
            hash: 0,
        },
        at_base: Told {
            bytes: INDEX.bytes,
            hash: 1,
        },
        policy: policy!("'self' data:"),
    };

    /// The page that finds its socket at `base`: unreserved URL characters only, so that there is
    /// nothing to escape. With `remote` it loads players' avatars from wherever they lie.
    ///
    /// The socket's address is relative to the page's own. A proxy may put a folder before both or
    /// take one away, so only the browser knows where they are, and only we know how they lie to
    /// each other.
    ///
    /// It lives as long as the process, like the files that are compiled in: answers borrow it.
    #[must_use]
    pub fn new(base: &str, remote: bool) -> Self {
        let tell = |socket: &str| {
            let text = String::from_utf8_lossy(INDEX.bytes)
                .replace(SOCKET_MARK, socket)
                .replace(REMOTE_MARK, if remote { "yes" } else { "no" });
            let bytes: &'static [u8] = Box::leak(text.into_bytes().into_boxed_slice());
            Told {
                bytes,
                hash: fnv1a(bytes),
            }
        };
        Self {
            at_root: tell(base.trim_start_matches('/')),
            at_base: tell("."),
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

/// The file at `path` (without the leading slash) in `folder`, and its entity tag, quotes included.
pub(crate) fn find(folder: Folder, path: &str, page: Page) -> Option<(Asset, String)> {
    let (asset, hash) = if matches!(path, "" | "index.html") {
        let Told { bytes, hash } = match folder {
            Folder::Root => page.at_root,
            Folder::Base => page.at_base,
        };
        (Asset { bytes, ..INDEX }, hash)
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
    use super::Folder::{Base, Root};
    use super::{ASSETS, INDEX, Page, SOCKET_MARK, find, fnv1a};

    #[test]
    fn every_file_is_found_once_and_the_page_under_both_names() {
        let page = Page::new("/applet/websocket", false);
        for asset in ASSETS {
            let same = ASSETS.iter().filter(|other| other.path == asset.path);
            assert_eq!(same.count(), 1, "{}", asset.path);
            assert!(!asset.bytes.is_empty(), "{}", asset.path);
            assert!(find(Root, asset.path, page).is_some());
            let tags =
                [Root, Base].map(|folder| find(folder, asset.path, page).map(|(_, tag)| tag));
            assert_eq!(tags[0], tags[1], "{}", asset.path);
        }
        let tag = |path| find(Root, path, page).map(|(_, tag)| tag);
        assert_eq!(tag(""), tag("index.html"));
        assert!(tag("").is_some());
        assert_eq!(tag("../Cargo.toml"), None);
    }

    /// Relative, so that it is right wherever a proxy has put both.
    #[test]
    fn the_page_names_its_socket_relative_to_itself() {
        let mut tags = std::collections::BTreeSet::new();
        for (base, folder, socket) in [
            ("/one", Root, "one"),
            ("/two/three", Root, "two/three"),
            ("/one", Base, "."),
        ] {
            let (asset, tag) = find(folder, "", Page::new(base, false)).expect("the page");
            let text = String::from_utf8_lossy(asset.bytes);
            let meta = format!(r#"name="roshambo-socket" content="{socket}""#);
            assert!(text.contains(&meta), "{base} {folder:?}");
            assert!(!text.contains(SOCKET_MARK));
            assert!(tags.insert(tag), "{base} {folder:?} is a page of its own");
        }
    }

    #[test]
    fn pictures_from_elsewhere_need_the_switch() {
        for (remote, word, sources) in [
            (false, "no", "img-src 'self' data:;"),
            (true, "yes", "img-src 'self' data: https: http:;"),
        ] {
            let page = Page::new("/base", remote);
            assert!(page.policy().contains(sources), "{}", page.policy());
            let text = String::from_utf8_lossy(page.at_root.bytes);
            let meta = format!(r#"name="roshambo-remote" content="{word}""#);
            assert!(text.contains(&meta), "{meta}");
        }
    }

    /// Phones on a bad line wait for every byte; nothing of it is compressed yet.
    #[test]
    fn everything_together_is_under_70_kilobytes() {
        let files = ASSETS.iter().map(|asset| asset.bytes.len());
        let total = files.sum::<usize>() + INDEX.bytes.len();
        assert!(total < 70_000, "{total} bytes");
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

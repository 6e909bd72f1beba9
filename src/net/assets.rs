//! The web client's files, embedded into the binary, with the headers that go with them.
//!
//! The build script has packed them, and taken the comments out of the scripts.
//! Absent: a file system. What is not in the table does not exist.

mod pack;
#[cfg(test)]
mod script;

use self::pack::{fnv1a, pack};

/// One embedded file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    /// Relative to `/` and to `BASE/`.
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) cache: &'static str,
    pub(crate) bytes: &'static [u8],
    /// The same in the coding `gzip`.
    packed: &'static [u8],
    hash: u64,
}

/// The page and its script change together: a browser asks every time, and mostly hears 304.
const ASK: &str = "no-cache";
/// A picture that changes may be the old one for a day.
const DAY: &str = "public, max-age=86400";

const JS: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const PNG: &str = "image/png";
const SVG: &str = "image/svg+xml";

/// Where the build script has put what it made of a file.
macro_rules! made {
    ($path:literal, $what:literal) => {
        concat!(env!("OUT_DIR"), "/web/", $path, $what)
    };
}

macro_rules! file {
    ($path:literal, $content_type:expr, $cache:expr) => {
        Asset {
            path: $path,
            content_type: $content_type,
            cache: $cache,
            bytes: include_bytes!(made!($path, "")),
            packed: include_bytes!(made!($path, ".gz")),
            hash: u64::from_le_bytes(*include_bytes!(made!($path, ".fnv"))),
        }
    };
}

/// Where the page names the socket's address, for its script to find.
const SOCKET_MARK: &str = "{{SOCKET}}";
/// Where the page says yes or no to pictures from elsewhere.
const REMOTE_MARK: &str = "{{REMOTE}}";
/// Where the page names the folder of the picture that goes with an invitation.
const PUBLIC_MARK: &str = "{{PUBLIC}}";

/// The `Content-Security-Policy` around a list of sources for pictures: it allows the page its own
/// script, style, pictures and socket, and nothing else.
///
/// `connect-src 'self'` covers `ws:` and `wss:` of the same origin (CSP 3, section 6.7.2.8), but
/// not in browsers before Chrome 70 and Safari 15.4, which need the schemes. The hash is that of
/// the page's only inline script (6.7.2.3, the bytes between its tags): it puts the slash behind a
/// folder's name that a proxy left away, before anything is looked for there, and waits for the
/// page's script to fail, as it does in a browser that does not know its language.
macro_rules! policy {
    ($pictures:literal) => {
        concat!(
            "default-src 'none'; script-src 'self' ",
            "'sha256-I0mm47wma+TomHpZb8xhmTShJ+qpd6Darb5G7rC9itM='; style-src 'self'; manifest-src 'self'; img-src ",
            $pictures,
            "; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    };
}

const INDEX: Asset = file!("index.html", "text/html; charset=utf-8", ASK);

/// All files but the page itself, which differs from server to server.
const ASSETS: &[Asset] = &[
    file!("app.js", JS, ASK),
    file!("asks.js", JS, ASK),
    file!("board.js", JS, ASK),
    file!("card.js", JS, ASK),
    file!("duel.js", JS, ASK),
    file!("friend.js", JS, ASK),
    file!("inside.js", JS, ASK),
    file!("meanings.js", JS, ASK),
    file!("menu.js", JS, ASK),
    file!("old.js", JS, ASK),
    file!("player.js", JS, ASK),
    file!("qr.js", JS, ASK),
    file!("session.js", JS, ASK),
    file!("sheets.js", JS, ASK),
    file!("socket.js", JS, ASK),
    file!("sound.js", JS, ASK),
    file!("stage.js", JS, ASK),
    file!("texts.js", JS, ASK),
    file!("tokens.js", JS, ASK),
    file!("words.js", JS, ASK),
    file!("board.css", CSS, ASK),
    file!("inside.css", CSS, ASK),
    file!("stage.css", CSS, ASK),
    file!("style.css", CSS, ASK),
    file!("site.webmanifest", "application/manifest+json", ASK),
    file!("robots.txt", "text/plain; charset=utf-8", ASK),
    file!("icon.svg", SVG, DAY),
    file!("icon-180.png", PNG, DAY),
    file!("icon-192.png", PNG, DAY),
    file!("icon-512.png", PNG, DAY),
    file!("og.png", PNG, DAY),
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
    packed: &'static [u8],
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
            packed: INDEX.packed,
            hash: 0,
        },
        at_base: Told {
            bytes: INDEX.bytes,
            packed: INDEX.packed,
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
    /// The picture of an invitation is for those who only read the page's head (Open Graph asks
    /// for a whole address): below `public_url` where one is known, else relative, which some take.
    ///
    /// It lives as long as the process, like the files that are compiled in: answers borrow it.
    #[must_use]
    pub fn new(base: &str, public_url: Option<&str>, remote: bool) -> Self {
        let public = public_url.map_or_else(String::new, |url| url.replace('&', "&amp;") + "/");
        let tell = |socket: &str| {
            let text = String::from_utf8_lossy(INDEX.bytes)
                .replace(SOCKET_MARK, socket)
                .replace(PUBLIC_MARK, &public)
                .replace(REMOTE_MARK, if remote { "yes" } else { "no" });
            let bytes: &'static [u8] = Box::leak(text.into_bytes().into_boxed_slice());
            Told {
                bytes,
                packed: Box::leak(pack(bytes).into_boxed_slice()),
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

/// A file as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// What it is; `bytes` are those to send.
    pub(crate) asset: Asset,
    /// Its entity tag, quotes included; each coding has its own (RFC 9110, section 8.8.3.3).
    pub(crate) tag: String,
    /// `bytes` are in the coding `gzip`.
    pub(crate) packed: bool,
}

/// The file at `path` (without the leading slash) in `folder`, packed if that is asked for.
pub(crate) fn find(folder: Folder, path: &str, page: Page, packed: bool) -> Option<Found> {
    let asset = if matches!(path, "" | "index.html") {
        let told = match folder {
            Folder::Root => page.at_root,
            Folder::Base => page.at_base,
        };
        Asset {
            bytes: told.bytes,
            packed: told.packed,
            hash: told.hash,
            ..INDEX
        }
    } else {
        *ASSETS.iter().find(|asset| asset.path == path)?
    };
    let coding = if packed { "-gzip" } else { "" };
    Some(Found {
        tag: format!("\"{:016x}{coding}\"", asset.hash),
        asset: Asset {
            bytes: if packed { asset.packed } else { asset.bytes },
            ..asset
        },
        packed,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::path::Path;

    use flate2::read::GzDecoder;

    use super::Folder::{Base, Root};
    use super::{ASSETS, DAY, PNG, Page, SOCKET_MARK, find, fnv1a};

    #[test]
    fn every_file_is_found_once_and_the_page_under_both_names() {
        let page = Page::new("/applet/websocket", None, false);
        for asset in ASSETS {
            let same = ASSETS.iter().filter(|other| other.path == asset.path);
            assert_eq!(same.count(), 1, "{}", asset.path);
            assert!(!asset.bytes.is_empty(), "{}", asset.path);
            assert!(find(Root, asset.path, page, false).is_some());
            let tags = [Root, Base]
                .map(|folder| find(folder, asset.path, page, false).map(|found| found.tag));
            assert_eq!(tags[0], tags[1], "{}", asset.path);
        }
        let tag = |path| find(Root, path, page, false).map(|found| found.tag);
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
            let found = find(folder, "", Page::new(base, None, false), false).expect("the page");
            let text = String::from_utf8_lossy(found.asset.bytes);
            let meta = format!(r#"name="roshambo-socket" content="{socket}""#);
            assert!(text.contains(&meta), "{base} {folder:?}");
            assert!(!text.contains(SOCKET_MARK));
            assert!(
                tags.insert(found.tag),
                "{base} {folder:?} is a page of its own"
            );
        }
    }

    #[test]
    fn the_picture_of_an_invitation_has_a_whole_address_where_one_is_known() {
        for (public_url, picture) in [
            (None, "og.png"),
            (
                Some("https://e.example/game"),
                "https://e.example/game/og.png",
            ),
            (
                Some("https://e.example/a&b"),
                "https://e.example/a&amp;b/og.png",
            ),
        ] {
            let page = Page::new("/base", public_url, false);
            for told in [page.at_root, page.at_base] {
                let text = String::from_utf8_lossy(told.bytes);
                let meta = format!(r#"property="og:image" content="{picture}""#);
                assert!(text.contains(&meta), "{meta}");
            }
        }
    }

    #[test]
    fn pictures_from_elsewhere_need_the_switch() {
        for (remote, word, sources) in [
            (false, "no", "img-src 'self' data:;"),
            (true, "yes", "img-src 'self' data: https: http:;"),
        ] {
            let page = Page::new("/base", None, remote);
            assert!(page.policy().contains(sources), "{}", page.policy());
            let text = String::from_utf8_lossy(page.at_root.bytes);
            let meta = format!(r#"name="roshambo-remote" content="{word}""#);
            assert!(text.contains(&meta), "{meta}");
        }
    }

    #[test]
    fn comments_do_not_travel_and_lines_keep_their_numbers() {
        let script = "// a\n/** b */\nlet c = 1; // d\n  /**\n   * e\n   */\n  f(`g`);\n/* h */\n";
        let sent = super::script::without_comments(script.as_bytes());
        assert_eq!(
            String::from_utf8_lossy(&sent),
            "\n\nlet c = 1; // d\n\n\n\n  f(`g`);\n\n"
        );
    }

    /// [`super::script`] knows lines only: nothing may stand behind a comment's end, nor
    /// may a text of several lines hold what looks like one.
    #[test]
    fn in_the_scripts_a_comment_ends_with_its_line() {
        for asset in ASSETS
            .iter()
            .filter(|asset| asset.content_type == super::JS)
        {
            let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/client/web");
            let script = fs::read_to_string(web.join(asset.path)).expect("a script");
            let mut quoted = false;
            for line in script.lines() {
                let text = line.trim();
                let begins = ["/*", "*"].iter().any(|mark| text.starts_with(mark));
                let ends = text.find("*/").is_none_or(|at| at + 2 == text.len());
                assert!(!begins || ends, "{}: {line}", asset.path);
                assert!(!quoted, "{}: above {line}", asset.path);
                quoted ^= !begins && !text.starts_with("//") && text.matches('`').count() % 2 == 1;
            }
        }
    }

    /// Loaded when somebody asks for it, has a room, or comes with a browser that cannot play.
    const LATER: &[&str] = &[
        "board.css",
        "board.js",
        "inside.css",
        "inside.js",
        "meanings.js",
        "old.js",
        "qr.js",
        "robots.txt",
    ];

    /// Phones on a bad line wait for every byte: what a first visit costs, as it travels. Pictures
    /// come when they are looked at, and stay.
    #[test]
    fn a_first_visit_is_under_40_kilobytes() {
        let page = Page::new("/applet/websocket", None, false);
        let files = ASSETS.iter().filter(|asset| asset.cache != DAY);
        let paths = files.map(|asset| asset.path).chain([""]);
        let paths = paths.filter(|path| !LATER.contains(path));
        let sizes = paths.map(|path| {
            find(Root, path, page, true)
                .expect("a file")
                .asset
                .bytes
                .len()
        });
        let total = sizes.sum::<usize>();
        println!("{total} bytes");
        assert!(total < 40_000, "{total} bytes");
    }

    #[test]
    fn icons_and_the_picture_of_an_invitation_are_under_60_kilobytes() {
        let files = ASSETS.iter().filter(|asset| asset.content_type == PNG);
        let total = files.map(|asset| asset.bytes.len()).sum::<usize>();
        assert!(total < 60_000, "{total} bytes");
    }

    #[test]
    fn what_is_packed_is_the_file_and_has_a_tag_of_its_own() {
        let page = Page::new("/applet/websocket", None, false);
        for path in ASSETS.iter().map(|asset| asset.path).chain([""]) {
            let (plain, small) = (find(Root, path, page, false), find(Root, path, page, true));
            let (plain, small) = (plain.expect("a file"), small.expect("a file"));
            let mut text = Vec::new();
            GzDecoder::new(small.asset.bytes)
                .read_to_end(&mut text)
                .expect("gzip");
            assert_eq!(text, plain.asset.bytes, "{path}");
            assert_ne!(plain.tag, small.tag, "{path}");
            assert!(small.packed && !plain.packed, "{path}");
        }
    }

    /// The game as README.md shows it: somebody reads that on a phone, too.
    #[test]
    fn the_pictures_in_the_readme_are_small() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let readme = fs::read_to_string(root.join("README.md")).expect("README.md");
        for (name, begin, most) in [
            ("picture.png", &b"\x89PNG\r\n\x1a\n"[..], 100_000),
            ("moving.webp", &b"RIFF"[..], 500_000),
        ] {
            assert!(readme.contains(&format!("](src/client/{name})")), "{name}");
            let picture = fs::read(root.join("src/client").join(name)).expect(name);
            assert!(picture.starts_with(begin), "{name}");
            let size = picture.len();
            assert!((10_000..most).contains(&size), "{name}: {size} bytes");
        }
    }

    #[test]
    fn the_hash_is_fnv() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}

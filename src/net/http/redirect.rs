//! The listener for http:// beside the one for TLS: it sends everybody there, and shows an
//! authority the answers to its questions.
//!
//! A name in the folder of answers is one of letters, digits, `-` and `_`, as RFC 8555, section
//! 8.3, has them, so no path leads anywhere else. Absent: sockets, and what an answer says.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{Decision, FIELDS_MAX, HEAD_BYTES_MAX, Reply, Request, plain, target};
use crate::config::Config;

const CHALLENGE: &str = "/.well-known/acme-challenge/";
/// No answer is longer: a token of some forty characters, a dot, and a hash of 43.
const ANSWER_BYTES_MAX: u64 = 1024;
const NAME_BYTES_MAX: usize = 128;
/// Where TLS is spoken unless somebody says otherwise.
const HTTPS: u16 = 443;

/// What is answered there.
#[derive(Debug)]
pub(crate) struct Redirect {
    /// Where TLS is spoken; `None`: the port that browsers take for it.
    port: Option<u16>,
    webroot: Option<PathBuf>,
}

impl Redirect {
    pub(crate) fn new(config: &Config, tls_port: Option<u16>) -> Self {
        Self {
            port: tls_port.filter(|&port| port != HTTPS),
            webroot: config.acme_webroot.clone(),
        }
    }

    /// Answers the bytes that a connection has sent so far.
    pub(crate) fn respond(&self, bytes: &[u8]) -> Decision {
        let considered = bytes.get(..HEAD_BYTES_MAX).unwrap_or(bytes);
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(considered) {
            Ok(httparse::Status::Complete(consumed)) => match Request::new(&request, consumed) {
                Some(request) => self.answer(&request),
                None => plain(400, false),
            },
            Ok(httparse::Status::Partial) if considered.len() < HEAD_BYTES_MAX => Decision::Partial,
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                plain(431, false)
            }
            Err(_) => plain(400, false),
        }
    }

    fn answer(&self, request: &Request<'_>) -> Decision {
        let head = request.is_head();
        if !matches!(request.method, "GET" | "HEAD") {
            return plain(405, head);
        }
        if let Some(name) = request.path.strip_prefix(CHALLENGE) {
            return match self.webroot.as_deref().and_then(|root| read(root, name)) {
                Some(text) => Decision::Answer(Reply::of(200).answer_with(&text, head)),
                None => plain(404, head),
            };
        }
        let Some(host) = request.values("host").next().and_then(target::name_in) else {
            return plain(400, head);
        };
        let port = self.port.map_or(String::new(), |port| format!(":{port}"));
        let question = if request.query.is_empty() { "" } else { "?" };
        let (path, query) = (request.path, request.query);
        let to = format!("https://{host}{port}{path}{question}{query}");
        Decision::Answer(Reply::of(301).field("Location", &to).answer(head))
    }
}

/// What stands in a file of this name.
fn read(webroot: &Path, name: &str) -> Option<Vec<u8>> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || NAME_BYTES_MAX < name.len() || !name.bytes().all(is_token) {
        return None;
    }
    let path = webroot.join(".well-known/acme-challenge").join(name);
    // A pipe of that name would let us wait for somebody to write.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblock)
        .open(path);
    let file = file.ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Redirect;
    use crate::config::Config;
    use crate::net::http::Decision;

    fn respond(redirect: &Redirect, request: &str) -> String {
        match redirect.respond(request.as_bytes()) {
            Decision::Answer(answer) => {
                let head = String::from_utf8(answer.head).expect("text");
                head + std::str::from_utf8(answer.body).expect("text")
            }
            other => panic!("{request:?}: {other:?}"),
        }
    }

    #[test]
    fn everybody_is_sent_to_the_same_place_by_https() {
        let redirect = |port| Redirect::new(&Config::default(), port);
        let rows = [
            (None, "GET /", "e", "https://e/"),
            (Some(443), "GET /?room=a", "e:80", "https://e/?room=a"),
            (Some(8443), "HEAD /a/b", "e:8080", "https://e:8443/a/b"),
            (None, "GET /", "[::1]:80", "https://[::1]/"),
            (None, "GET http://other/x", "e", "https://e/x"),
            (
                None,
                "GET //evil.example/x",
                "e",
                "https://e/evil.example/x",
            ),
        ];
        for (port, line, host, want) in rows {
            let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let answer = respond(&redirect(port), &request);
            assert!(answer.starts_with("HTTP/1.1 301 "), "{answer}");
            let want = format!("\r\nLocation: {want}\r\n");
            assert!(answer.contains(&want), "{line} {host}: {answer}");
        }
        for (request, status) in [
            ("POST / HTTP/1.1\r\nHost: e\r\n\r\n", "405"),
            ("GET / HTTP/1.0\r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\nHost: \r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\nHost: e\r\nHost: f\r\n\r\n", "400"),
            ("\u{16}\u{3}\u{1}", "400"),
        ] {
            let answer = respond(&redirect(None), request);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
        }
        let partial = redirect(None).respond(b"GET / HTTP/1.1\r\n");
        assert_eq!(partial, Decision::Partial);
    }

    #[test]
    fn an_authority_sees_its_answers_and_nothing_else() {
        let root = std::env::temp_dir().join(format!("roshambo-acme-{}", std::process::id()));
        let folder = root.join(".well-known/acme-challenge");
        fs::create_dir_all(folder.join("folder")).expect("room");
        fs::write(root.join("secret"), "secret").expect("room");
        fs::write(folder.join("to-ken_7"), "to-ken_7.hash").expect("room");
        fs::write(folder.join("to.ken"), "secret").expect("room");
        let config = Config {
            acme_webroot: Some(root.clone()),
            ..Config::default()
        };
        let redirect = Redirect::new(&config, None);
        let ask = |name: &str| {
            let request =
                format!("GET /.well-known/acme-challenge/{name} HTTP/1.1\r\nHost: e\r\n\r\n");
            respond(&redirect, &request)
        };
        let answer = ask("to-ken_7");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with("\r\n\r\nto-ken_7.hash"), "{answer}");
        for name in [
            "",
            "nobody",
            "folder",
            "to.ken",
            "..",
            "../../secret",
            "..%2f..%2fsecret",
            "%2e%2e/%2e%2e/secret",
            "folder/../to-ken_7",
            "/etc/passwd",
            "to-ken_7%00",
            &"a".repeat(129),
        ] {
            let answer = ask(name);
            assert!(answer.starts_with("HTTP/1.1 404 "), "{name}: {answer}");
        }
        fs::remove_dir_all(root).expect("it was made");
        let none = Redirect::new(&Config::default(), None);
        let request = "GET /.well-known/acme-challenge/a HTTP/1.1\r\nHost: e\r\n\r\n";
        assert!(respond(&none, request).starts_with("HTTP/1.1 404 "));
    }
}

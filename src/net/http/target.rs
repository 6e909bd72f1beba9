//! Who and what a request is addressed to: the forms of a target, and the value of `Host`.
//!
//! Which host is asked for does not matter here, only that there is one: whoever reaches this
//! listener is served.
//!
//! Sources: RFC 9112 section 3.2, RFC 3986 section 3.2.2 (hosts), RFC 9110 sections 4.2 and 7.2.

/// A target's path, which begins with a slash, and its query.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    pub(super) path: &'a str,
    pub(super) query: &'a str,
}

impl<'a> Target<'a> {
    /// Reads the origin form, `/path?query`, and the absolute one, `http://host/path?query`, which
    /// a server has to take as well; proxies get it (RFC 9112, 3.2.2).
    ///
    /// `None` for the forms of CONNECT and `OPTIONS *`, for other schemes, and for an authority
    /// that is empty (RFC 9110, 4.2.1), names a user (4.2.4) or is none.
    pub(super) fn new(target: &'a str) -> Option<Self> {
        let rest = match target.strip_prefix('/') {
            Some(_) => target,
            None => {
                let (scheme, rest) = target.split_once("://")?;
                let known = ["http", "https"];
                if !known.iter().any(|name| scheme.eq_ignore_ascii_case(name)) {
                    return None;
                }
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let (authority, rest) = rest.split_at_checked(end)?;
                if authority.starts_with(':')
                    || authority.is_empty()
                    || !is_host(authority.as_bytes())
                {
                    return None;
                }
                rest
            }
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = if path.is_empty() { "/" } else { path };
        path.starts_with('/').then_some(Self { path, query })
    }
}

/// Whether this can be the value of `Host`: a name, an IPv4 address or an IPv6 one in brackets,
/// perhaps a port, or nothing at all, which a client says when its address names no host.
pub(super) fn is_host(value: &[u8]) -> bool {
    let Ok(value) = std::str::from_utf8(value) else {
        return false;
    };
    let value = value.trim_matches([' ', '\t']);
    let (is_name, port) = match value.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((literal, port)) => (is_ip_literal(literal), port),
            None => return false,
        },
        None => {
            let end = value.find(':').unwrap_or(value.len());
            let (name, port) = value.split_at_checked(end).unwrap_or_default();
            (is_reg_name(name), port)
        }
    };
    let is_port = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    is_name && is_port
}

/// The host in a sound value of `Host`, without a port; `None`: it names none.
pub(super) fn name_in(value: &str) -> Option<&str> {
    let value = value.trim_matches([' ', '\t']);
    let end = match value.starts_with('[') {
        true => value.find(']')? + 1,
        false => value.find(':').unwrap_or(value.len()),
    };
    value.get(..end).filter(|name| !name.is_empty())
}

/// What may stand in brackets: an IPv6 address, with a zone as some clients write it, or one of a
/// later version.
fn is_ip_literal(text: &str) -> bool {
    let fits = |byte: u8| matches!(byte, b':' | b'%') || is_unreserved(byte) || is_sub_delim(byte);
    text.contains(':') && text.bytes().all(fits)
}

/// `*( unreserved / pct-encoded / sub-delims )`.
fn is_reg_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => [bytes.next(), bytes.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            _ => is_unreserved(byte) || is_sub_delim(byte),
        };
        if !fits {
            return false;
        }
    }
    true
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn is_sub_delim(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_as_clients_write_them() {
        let good = [
            "",
            "e",
            "example.org",
            "example.org:443",
            "example.org:",
            "127.0.0.1:9595",
            "[::1]",
            "[::1]:80",
            "[fe80::1%25eth0]:80",
            "[v1.fe80::a+en1]",
            "a_b",
            "xn--bcher-kva.example",
            "%2Frun%2Froshambo.sock",
            " e ",
            "\te:80\t",
            "e.:80",
        ];
        for host in good {
            assert!(is_host(host.as_bytes()), "{host:?}");
        }
        let bad = [
            "a b",
            "a\tb",
            "e:x",
            "e:80:80",
            "::1",
            "[::1",
            "[]",
            "[e]",
            "[::1]x",
            "[::1]:x",
            "[[::1]]",
            "e/",
            "e/x",
            "u@e",
            "http://e",
            "e?x",
            "e#x",
            "%",
            "%2",
            "%zz",
            "bücher.example",
            "e\\x",
            "e\"",
            "<e>",
            "{e}",
            "a|b",
            "a^b",
            "a`b",
        ];
        for host in bad {
            assert!(!is_host(host.as_bytes()), "{host:?}");
        }
        assert!(!is_host(b"\xff"));
    }

    #[test]
    fn targets_in_their_forms() {
        let table = [
            ("/", Some(("/", ""))),
            ("/a?b?c", Some(("/a", "b?c"))),
            ("//e/a", Some(("//e/a", ""))),
            ("http://e", Some(("/", ""))),
            ("http://e/", Some(("/", ""))),
            ("HTTPS://e:443/a/b?c=d", Some(("/a/b", "c=d"))),
            ("http://e?c", Some(("/", "c"))),
            ("http://[::1]:9595/a", Some(("/a", ""))),
            ("http://e/http://f/", Some(("/http://f/", ""))),
            ("http://", None),
            ("http:///a", None),
            ("http://:80/a", None),
            ("http://u@e/a", None),
            ("http://u:p@e/a", None),
            ("http://a b/", None),
            ("http://e#x", None),
            ("http:/e/a", None),
            ("http:e", None),
            ("ws://e/a", None),
            ("ftp://e/a", None),
            ("://e/a", None),
            ("e:80", None),
            ("*", None),
            ("?a", None),
            ("a", None),
            ("", None),
        ];
        for (target, want) in table {
            let want = want.map(|(path, query)| Target { path, query });
            assert_eq!(Target::new(target), want, "{target:?}");
        }
    }
}

//! Plain requests and their answers, with the checks that hold for every answer.

use std::net::SocketAddr;

use super::raw::Raw;

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The fields, names in lower case.
    pub(crate) fields: Vec<(String, String)>,
    /// The body, to the end of the connection.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a field that stands there once.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(key, _)| key == name);
        let value = values.next();
        assert!(values.next().is_none(), "{name} twice: {:?}", self.fields);
        value.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }
}

/// Asks with this method, target and further fields (each with its line's end).
#[track_caller]
pub(crate) fn ask(address: SocketAddr, method: &str, target: &str, fields: &str) -> Answer {
    let request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    exchange(address, request.as_bytes(), method == "HEAD")
}

/// Asks with GET.
#[track_caller]
pub(crate) fn get(address: SocketAddr, target: &str) -> Answer {
    ask(address, "GET", target, "")
}

/// Sends bytes and reads the answer to them.
#[track_caller]
pub(crate) fn exchange(address: SocketAddr, request: &[u8], without_body: bool) -> Answer {
    let mut raw = Raw::connect(address);
    raw.send(request);
    read(&mut raw, without_body)
}

/// Reads an answer; `without_body`: it is one to HEAD.
#[track_caller]
pub(crate) fn read(raw: &mut Raw, without_body: bool) -> Answer {
    let head = raw.head();
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    let status = status.and_then(|line| line.get(..3)?.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status line in {head}"));
    let fields = lines.map(|line| {
        let (name, value) = line.split_once(':').expect("a field");
        (name.to_ascii_lowercase(), value.trim().to_owned())
    });
    let answer = Answer {
        status,
        fields: fields.collect(),
        body: raw.rest(),
    };
    let connection = answer.field("connection").unwrap_or_default();
    let closes = connection.split(", ").any(|token| token == "close");
    assert!(closes, "every plain answer closes: {head}");
    assert!(answer.field("content-type").is_some(), "{head}");
    let length = answer.field("content-length").map(str::parse);
    let length: usize = length.expect("a length").expect("a number");
    if without_body || status == 304 {
        assert_eq!(answer.body, b"", "no body: {head}");
    } else {
        assert_eq!(answer.body.len(), length, "{head}");
    }
    answer
}

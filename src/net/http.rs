//! A request head becomes an answer or an upgrade (the addresses are in the wire's reference).
//!
//! Pure functions over bytes: no socket, no clock, no log. A request's body is never read: every
//! plain answer closes its connection, so nothing after a head is ever taken for another request.
//!
//! Sources: RFC 9110 (methods, `Allow`, conditional requests), RFC 9112 (message framing, targets),
//! RFC 6455 section 4.2 (the opening handshake), engine.io's `Server.verify` (order of its errors).
//!
//! - `redirect`: where only the way to TLS is told;
//! - `target`: who and what a request is addressed to.

pub(crate) mod redirect;
mod target;

use tungstenite::handshake::derive_accept_key;

use self::target::Target;
pub use super::assets::Page;
use super::assets::{self, Folder};
use super::peers::{Crowd, Peer};
use crate::hub::{BoardPage, Dialect};
use crate::metrics::Refusal;

/// Longest request head in bytes.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Most header fields of a request.
pub const FIELDS_MAX: usize = 64;
/// What `Retry-After` says, in seconds: a restart takes about as long.
const RETRY_AFTER: &str = "5";

/// What an answer depends on besides the request.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// `--base-path`.
    pub base: &'a str,
    /// The page that is told at `/` and `BASE/`.
    pub page: Page,
    /// As many WebSocket connections are open as `--max-connections` allows.
    pub full: bool,
    /// The server is asked to stop: who asks.
    pub ending: Option<Ending>,
    /// The store cannot be asked or written to just now.
    pub store_away: bool,
    /// What is known of who is best.
    pub board: &'a BoardPage,
    /// The other end of the connection.
    pub peer: Peer,
    /// Whom to believe about addresses, and who has too many connections.
    pub crowd: &'a Crowd,
}

/// Who asks a server that is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Somebody who came before: everything is answered, but nobody is let in any more.
    Guest,
    /// The same, where nobody can come after: whoever asks to be let in is.
    LastCall,
    /// Somebody who came after.
    Newcomer,
}

/// What becomes of a connection's first bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// The head is not complete yet.
    Partial,
    /// The head is complete, and what to answer is yet to be found out: the same bytes again, then.
    Wait,
    /// A plain answer; the connection ends after it.
    Answer(Answer),
    /// The WebSocket handshake is done once `head` is sent.
    Upgrade {
        /// The `101` answer.
        head: Vec<u8>,
        /// What the address asked for.
        dialect: Dialect,
        /// Where the request head ended: frames may follow in the same bytes.
        consumed: usize,
    },
}

/// A plain HTTP answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code, for the log.
    pub status: u16,
    /// Status line and fields, with the empty line; behind it a body that was made for it.
    pub head: Vec<u8>,
    /// The body; empty for HEAD and 304.
    pub body: &'static [u8],
    /// Somebody tried long-polling: an operator may wonder why it does not work.
    pub polling: bool,
    /// Somebody was refused for its address: it may be a proxy that should be trusted.
    pub crowded: bool,
}

impl Answer {
    /// Puts one more field, with its line's end, behind the others.
    pub(crate) fn add_field(&mut self, field: &str) {
        let end = self.head.windows(4).position(|at| at == b"\r\n\r\n");
        if let Some(end) = end {
            self.head.splice(end + 2..end + 2, field.bytes());
        }
    }

    /// Whether this refuses somebody who wanted in, and why; `ending`: the server is asked to
    /// stop.
    #[must_use]
    pub fn refusal(&self, ending: bool) -> Option<Refusal> {
        match self.status {
            503 if self.crowded => Some(Refusal::Address),
            503 if ending => Some(Refusal::Draining),
            503 => Some(Refusal::Full),
            400 if self.polling => Some(Refusal::Polling),
            400 | 405 | 426 | 431 => Some(Refusal::Malformed),
            _ => None,
        }
    }
}

/// Answers the bytes that a connection has sent so far, and says who really sent them.
#[must_use]
pub fn respond(bytes: &[u8], context: Context<'_>) -> (Decision, Peer) {
    let considered = bytes.get(..HEAD_BYTES_MAX).unwrap_or(bytes);
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    let mut peer = context.peer;
    let decision = match request.parse(considered) {
        Ok(httparse::Status::Complete(consumed)) => match Request::new(&request, consumed) {
            Some(request) => {
                peer = context.crowd.find_client(peer, request.forwarded_for());
                route(&request, Context { peer, ..context })
            }
            None => plain(400, false),
        },
        Ok(httparse::Status::Partial) if considered.len() < HEAD_BYTES_MAX => Decision::Partial,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => plain(431, false),
        Err(_) => plain(400, false),
    };
    (decision, peer)
}

/// The answer to a head that was not complete in time.
#[must_use]
pub fn timed_out() -> Answer {
    Reply::of(408).answer(false)
}

/// The answer to HTTP where TLS is spoken.
#[must_use]
pub fn not_tls() -> Answer {
    let mut reply = Reply::of(400);
    reply.body = b"this port speaks TLS: use https:// or wss://\n";
    reply.answer(false)
}

/// Method and path of a head that another listener got, by the same rules; `None`: a bad request.
pub(crate) fn asked<'a>(request: &'a httparse::Request<'_, 'a>) -> Option<(&'a str, &'a str)> {
    let request = Request::new(request, 0)?;
    Some((request.method, request.path))
}

/// A parsed request head whose framing leaves no room for two readings.
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    http11: bool,
    fields: &'a [httparse::Header<'a>],
    has_body: bool,
    consumed: usize,
}

impl<'a> Request<'a> {
    /// `None` for what a proxy in front might read differently: a target that names no resource,
    /// no host or two or one that can be none, two lengths, a length that is no number, a length
    /// and a coding.
    fn new(request: &'a httparse::Request<'_, 'a>, consumed: usize) -> Option<Self> {
        let target = Target::new(request.path?)?;
        let mut this = Self {
            method: request.method?,
            path: with_one_slash(target.path),
            query: target.query,
            http11: request.version == Some(1),
            fields: request.headers,
            has_body: false,
            consumed,
        };
        let length = match this.only("content-length") {
            Only::None => "0",
            Only::One(length) => length,
            Only::Many => return None,
        };
        let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let coded = this.values("transfer-encoding").next().is_some();
        let length_given = this.values("content-length").next().is_some();
        if !is_number || (coded && length_given) || !this.is_addressed() {
            return None;
        }
        this.has_body = coded || length.bytes().any(|digit| digit != b'0');
        Some(this)
    }

    /// Whether one sound `Host` says for whom the request is, as HTTP/1.1 demands it, beside an
    /// absolute target too (RFC 9112, 3.2).
    fn is_addressed(&self) -> bool {
        let is_host = |field: &&httparse::Header<'_>| field.name.eq_ignore_ascii_case("host");
        let mut hosts = self.fields.iter().filter(is_host);
        match (hosts.next(), hosts.next()) {
            (None, _) => !self.http11,
            (Some(host), None) => target::is_host(host.value),
            (Some(_), Some(_)) => false,
        }
    }

    /// The values of all fields of this name, as text; what is not ASCII reads as empty.
    fn values(&self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
            .map(|field| std::str::from_utf8(field.value).unwrap_or("").trim())
    }

    /// The value of a field that may stand there only once.
    fn only(&self, name: &'a str) -> Only<'a> {
        let mut values = self.values(name);
        match (values.next(), values.next()) {
            (None, _) => Only::None,
            (Some(value), None) => Only::One(value),
            (Some(_), Some(_)) => Only::Many,
        }
    }

    /// The subprotocol to name in the answer: the first one asked for, as the servers do it that
    /// clients know; without one in the answer a client that asked has to give up.
    ///
    /// `None` for what is no list of tokens: that is no handshake (RFC 6455, 4.1 point 10 and
    /// 4.2.1). Empty items of a list do not count (RFC 9110, 5.6.1.2).
    fn subprotocol(&self) -> Option<Option<&'a str>> {
        let mut first = None;
        for field in self.fields {
            if !field.name.eq_ignore_ascii_case("sec-websocket-protocol") {
                continue;
            }
            for item in std::str::from_utf8(field.value).ok()?.split(',') {
                let item = item.trim_matches([' ', '\t']);
                if !item.bytes().all(is_token_byte) {
                    return None;
                }
                first = first.or(Some(item).filter(|item| !item.is_empty()));
            }
        }
        Some(first)
    }

    /// Whether a comma-separated field names this token, in any case.
    fn has_token(&self, name: &'a str, token: &str) -> bool {
        self.values(name)
            .flat_map(|value| value.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(token))
    }

    /// Whether `gzip` may come back (RFC 9110, section 12.5.3): named, or meant by `*`, and not at
    /// weight 0. What is not understood is not named.
    fn takes_gzip(&self) -> bool {
        let mut any = false;
        for item in self.values("accept-encoding").flat_map(|it| it.split(',')) {
            let (coding, weight) = item.split_once(';').unwrap_or((item, "q=1"));
            let weight = weight.trim().strip_prefix(['q', 'Q']).unwrap_or_default();
            let weight = weight.trim_start().strip_prefix('=').unwrap_or_default();
            let taken = weight.trim().parse().is_ok_and(|weight: f32| 0.0 < weight);
            match coding.trim() {
                coding if coding.eq_ignore_ascii_case("gzip") => return taken,
                "*" => any = taken,
                _ => {}
            }
        }
        any
    }

    /// The first value of a query parameter, as it is written.
    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then_some(value)
        })
    }

    /// Those for whom proxies speak, the nearest one first.
    fn forwarded_for(&self) -> impl Iterator<Item = &'a str> {
        self.values("x-forwarded-for")
            .rev()
            .flat_map(|value| value.rsplit(','))
    }

    fn wants_upgrade(&self) -> bool {
        self.has_token("upgrade", "websocket")
    }

    fn is_head(&self) -> bool {
        self.method == "HEAD"
    }
}

/// A path that begins with one slash, however many there were. A proxy that replaces `/game`, not
/// `/game/`, by `/` leaves two.
fn with_one_slash(path: &str) -> &str {
    let slashes = path.len() - path.trim_start_matches('/').len();
    path.get(slashes.saturating_sub(1)..).unwrap_or(path)
}

/// How often a field stands in a head.
enum Only<'a> {
    None,
    One(&'a str),
    Many,
}

/// Which address, then which answer.
fn route(request: &Request<'_>, context: Context<'_>) -> Decision {
    let head = request.is_head();
    let under_base = request.path.strip_prefix(context.base);
    if let Some(rest) = under_base.and_then(|rest| rest.strip_prefix("/socket.io"))
        && rest.bytes().all(|byte| byte == b'/')
    {
        return engine(request, context);
    }
    let is_base = matches!(under_base, Some("" | "/"));
    if is_base && request.wants_upgrade() {
        if !matches!(request.method, "GET" | "HEAD") {
            return plain(405, head);
        }
        return upgrade(request, context, Dialect::Plain).unwrap_or_else(|| plain(400, head));
    }
    let (folder, file) = match under_base.and_then(|rest| rest.strip_prefix('/')) {
        Some(file) => (Folder::Base, file),
        None => (
            Folder::Root,
            request.path.strip_prefix('/').unwrap_or_default(),
        ),
    };
    let found = match file {
        _ if under_base == Some("") => Reply::of(426).field("Upgrade", "websocket"),
        "healthz" => Reply::of(200),
        "readyz" if refuses(context) => unavailable(context).readable(),
        "readyz" => Reply {
            body: ready(context),
            ..Reply::of(200).readable()
        },
        "top.json" if *context.board != BoardPage::None => board(context),
        _ => match asset(request, folder, file, context.page) {
            Some(reply) => reply,
            None if context.ending == Some(Ending::Newcomer) => unavailable(context),
            None => return plain(404, head),
        },
    };
    if !matches!(request.method, "GET" | "HEAD") {
        return plain(405, head);
    }
    if context.ending == Some(Ending::Newcomer) && !matches!(file, "healthz" | "readyz") {
        return Decision::Answer(unavailable(context).answer(head));
    }
    if found.waits {
        return Decision::Wait;
    }
    Decision::Answer(found.answer(head))
}

/// Who is best, for any page.
fn board(context: Context<'_>) -> Reply {
    match context.board {
        BoardPage::Known(text) => {
            let mut reply = Reply::of(200).json("");
            reply.made = text.to_vec();
            reply.cache = "max-age=2";
            reply
        }
        BoardPage::Ask => Reply {
            waits: true,
            ..Reply::of(200)
        },
        BoardPage::Away | BoardPage::None => Reply {
            body: b"the board cannot be asked just now\n",
            ..Reply::of(503).field("Retry-After", RETRY_AFTER).readable()
        },
    }
}

/// The addresses of Engine.IO. The checks stand in the order of engine.io's own server:
/// transport, `sid`, method, upgrade, revision.
fn engine(request: &Request<'_>, context: Context<'_>) -> Decision {
    const UNKNOWN_TRANSPORT: &str = r#"{"code":0,"message":"Transport unknown"}"#;
    const POLLING: &str = r#"{"code":0,"message":"Transport unknown","hint":"long-polling is not offered here: give the client the option transports: [\"websocket\"]"}"#;
    const UNKNOWN_SID: &str = r#"{"code":1,"message":"Session ID unknown"}"#;
    const BAD_METHOD: &str = r#"{"code":2,"message":"Bad handshake method"}"#;
    const BAD_REQUEST: &str = r#"{"code":3,"message":"Bad request"}"#;
    const BAD_REVISION: &str = r#"{"code":5,"message":"Unsupported protocol version"}"#;

    let refuse = |body: &'static str| {
        let mut answer = Reply::of(400).json(body).answer(request.is_head());
        answer.polling = body == POLLING;
        Decision::Answer(answer)
    };
    match request.parameter("transport") {
        Some("websocket") => (),
        Some("polling") => return refuse(POLLING),
        _ => return refuse(UNKNOWN_TRANSPORT),
    }
    if request.parameter("sid").is_some_and(|sid| !sid.is_empty()) {
        return refuse(UNKNOWN_SID);
    }
    if request.method != "GET" {
        return refuse(BAD_METHOD);
    }
    let dialect = match request.parameter("EIO") {
        // Over WebSocket 2 differs from 3 in nothing; it is socket.io-client 1.0's.
        None | Some("2" | "3") => Some(Dialect::Eio3),
        Some("4") => Some(Dialect::Eio4),
        Some(_) => None,
    };
    // The shape of the upgrade is looked at before the revision, so any dialect serves for it.
    match upgrade(request, context, dialect.unwrap_or(Dialect::Eio3)) {
        None => refuse(BAD_REQUEST),
        Some(_) if dialect.is_none() => refuse(BAD_REVISION),
        Some(decision) => decision,
    }
}

/// The opening handshake, RFC 6455 section 4.2; `None` when the request is not one.
fn upgrade(request: &Request<'_>, context: Context<'_>, dialect: Dialect) -> Option<Decision> {
    let well_formed = request.method == "GET"
        && request.http11
        && !request.has_body
        && request.wants_upgrade()
        && request.has_token("connection", "upgrade");
    if !well_formed {
        return None;
    }
    if !matches!(request.only("sec-websocket-version"), Only::One("13")) {
        let reply = Reply::of(426)
            .field("Upgrade", "websocket")
            .field("Sec-WebSocket-Version", "13");
        return Some(Decision::Answer(reply.answer(false)));
    }
    let Only::One(key) = request.only("sec-websocket-key") else {
        return None;
    };
    if !is_key(key) {
        return None;
    }
    let subprotocol = request.subprotocol()?;
    let context = Context {
        ending: context.ending.filter(|&who| who != Ending::LastCall),
        ..context
    };
    if refuses(context) {
        let mut answer = unavailable(context).answer(false);
        answer.crowded = context.ending.is_none() && !context.full;
        return Some(Decision::Answer(answer));
    }
    let accept = derive_accept_key(key.as_bytes());
    let mut head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n"
    );
    if let Some(subprotocol) = subprotocol {
        for part in ["Sec-WebSocket-Protocol: ", subprotocol, "\r\n"] {
            head.push_str(part);
        }
    }
    head.push_str("\r\n");
    Some(Decision::Upgrade {
        head: head.into_bytes(),
        dialect,
        consumed: request.consumed,
    })
}

/// A character of a token (RFC 9110, 5.6.2).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Sixteen bytes in base64: 22 characters and two signs of padding.
fn is_key(key: &str) -> bool {
    key.strip_suffix("==").is_some_and(|digits| {
        digits.len() == 22
            && digits
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
    })
}

/// A file of the web client, or 304 when the browser has it already.
fn asset(request: &Request<'_>, folder: Folder, file: &str, page: Page) -> Option<Reply> {
    let found = assets::find(folder, file, page, request.takes_gzip())?;
    let assets::Found { asset, tag, packed } = found;
    let known = request
        .values("if-none-match")
        .flat_map(|value| value.split(','))
        .map(|item| item.trim())
        .any(|item| item == "*" || item.strip_prefix("W/").unwrap_or(item) == tag);
    let mut reply = Reply::of(if known { 304 } else { 200 });
    reply.body = asset.bytes;
    reply.content_type = asset.content_type;
    reply.cache = asset.cache;
    if packed {
        reply = reply.field("Content-Encoding", "gzip");
    }
    Some(
        reply
            .field("Vary", "Accept-Encoding")
            .field("ETag", &tag)
            .field("Content-Security-Policy", page.policy())
            .field("Referrer-Policy", "no-referrer"),
    )
}

/// Whether another WebSocket connection of this peer's would be refused.
fn refuses(context: Context<'_>) -> bool {
    context.ending.is_some() || context.full || context.crowd.is_full_for(context.peer)
}

/// 503, with the reason and when to come back.
fn unavailable(context: Context<'_>) -> Reply {
    let mut reply = Reply::of(503).field("Retry-After", RETRY_AFTER);
    reply.body = if context.ending.is_some() {
        b"restarting, come back in a moment\n"
    } else if context.full {
        b"full, come back in a moment\n"
    } else {
        b"too many connections from your address\n"
    };
    reply
}

/// What whoever could come in is told besides that. A store that is away keeps nobody out.
fn ready(context: Context<'_>) -> &'static [u8] {
    match context.store_away {
        true => b"ok, but points wait to be written\n",
        false => b"ok\n",
    }
}

/// An answer that says nothing but its status.
fn plain(status: u16, head: bool) -> Decision {
    let reply = match status {
        405 => Reply::of(status).field("Allow", "GET, HEAD"),
        _ => Reply::of(status),
    };
    Decision::Answer(reply.answer(head))
}

/// An answer being put together.
struct Reply {
    status: u16,
    content_type: &'static str,
    cache: &'static str,
    fields: String,
    body: &'static [u8],
    /// A body that was made for it, behind the other one.
    made: Vec<u8>,
    /// It is not known yet.
    waits: bool,
}

impl Reply {
    fn of(status: u16) -> Self {
        let body: &'static str = match status {
            200 => "ok\n",
            400 => "bad request\n",
            404 => "not found\n",
            405 => "method not allowed\n",
            408 => "the request took too long\n",
            426 => "this address speaks WebSocket, version 13\n",
            431 => "the request's head is too large\n",
            _ => "",
        };
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            cache: "no-store",
            fields: String::new(),
            body: body.as_bytes(),
            made: Vec::new(),
            waits: false,
        }
    }

    /// Any page may read it: one may be served elsewhere than the socket it opens.
    fn readable(self) -> Self {
        self.field("Access-Control-Allow-Origin", "*")
    }

    /// An error of Engine.IO, which a browser's console shows.
    fn json(self, body: &'static str) -> Self {
        let mut reply = self.readable();
        reply.content_type = "application/json";
        reply.body = body.as_bytes();
        reply
    }

    fn field(mut self, name: &str, value: &str) -> Self {
        for part in [name, ": ", value, "\r\n"] {
            self.fields.push_str(part);
        }
        self
    }

    /// The finished answer with a body that is not a part of the program.
    fn answer_with(mut self, body: &[u8], head_only: bool) -> Answer {
        self.body = b"";
        self.made = body.to_vec();
        self.answer(head_only)
    }

    /// The finished answer; `head_only` leaves the body out and keeps its length (RFC 9110, 9.3.2).
    ///
    /// So does a 304, whose fields describe the file that the browser has (8.6).
    fn answer(self, head_only: bool) -> Answer {
        let reason = match self.status {
            200 => "OK",
            301 => "Moved Permanently",
            304 => "Not Modified",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            426 => "Upgrade Required",
            431 => "Request Header Fields Too Large",
            _ => "Service Unavailable",
        };
        let connection = match self.status {
            426 => "Upgrade, close",
            _ => "close",
        };
        let head = format!(
            "HTTP/1.1 {} {reason}\r\nConnection: {connection}\r\nContent-Type: {}\r\n\
             Content-Length: {}\r\nCache-Control: {}\r\n\
             X-Content-Type-Options: nosniff\r\n{}\r\n",
            self.status,
            self.content_type,
            self.body.len() + self.made.len(),
            self.cache,
            self.fields
        );
        let mut head = head.into_bytes();
        if !head_only {
            head.extend(self.made);
        }
        Answer {
            status: self.status,
            head,
            body: if head_only || self.status == 304 {
                b""
            } else {
                self.body
            },
            polling: false,
            crowded: false,
        }
    }
}

#[cfg(test)]
mod tests;

//! What connections say: bytes become heads and frames, and those facts for whoever listens, a
//! bounded amount of each connection in a turn.
//!
//! An edge-triggered poll does not say anything twice, so what a turn had no time for is
//! remembered. Absent: the poll, the clock, the rules of the game, the text of any dialect.
//!
//! - `head`: the request head, answered or upgraded.

mod head;

use super::conn::{Phase, RECV_BYTES, Received};
use super::frames::{Decoder, Step, WAITING_BYTES_MAX};
use super::http::{self, HEAD_BYTES_MAX};
use super::life::Life;
use super::sockets::Sockets;
use super::sockets::sessions::HANDSHAKES_MAX;
use super::tls::{CIPHER_BYTES_MAX, Fault};
use crate::config::Config;
use crate::hub::Input;
use crate::metrics::Refusal;
use crate::model::{CloseReason, ConnId};
use crate::time::Millis;

use self::head::Reception;

/// Most frames taken from one connection in a turn.
pub(super) const FRAMES_MAX: usize = 64;
/// Most bytes that are kept of a connection that waits for the store. Honest clients send a `join`
/// and a `ping` meanwhile; who sends more is a flood.
const HELD_BYTES_MAX: usize = 4 * 1024;

/// What a turn of the loop has in common for all connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// Its time.
    pub(crate) now: Millis,
    /// How far the end is away.
    pub(crate) life: Life,
    /// Somebody goes on listening when we are gone: nobody new comes to us once we end.
    pub(crate) handed: bool,
    /// The store cannot be asked or written to just now.
    pub(crate) store_away: bool,
}

/// Reads all connections.
#[derive(Debug)]
pub(crate) struct Reader {
    reception: Reception,
    decoder: Decoder,
    /// What is received passes through here, whoever sends it.
    buffer: Vec<u8>,
    /// Those being read in this turn; kept so that it need not be allocated anew.
    batch: Vec<usize>,
}

impl Reader {
    /// A reader of what these limits allow; `tls_port` is where browsers are sent, if anywhere.
    pub(crate) fn new(config: &Config, tls_port: Option<u16>) -> Self {
        // A part of a head or frame stands in front of what comes next.
        let fresh_bytes = match config.tls_cert {
            Some(_) => RECV_BYTES.max(CIPHER_BYTES_MAX),
            None => RECV_BYTES,
        };
        let buffer_bytes = HEAD_BYTES_MAX.max(WAITING_BYTES_MAX) + fresh_bytes;
        Self {
            reception: Reception::new(config, tls_port),
            decoder: Decoder::new(config.max_message),
            buffer: vec![0; buffer_bytes],
            batch: Vec::new(),
        }
    }

    /// Reads everybody who has something to be read, and returns how many those were. Those that
    /// are not finished stand on the next turn's list by the end. Those that shake hands come last,
    /// and only a few of them.
    ///
    /// `hear` is told each fact, and carries out what follows from it before it returns.
    pub(crate) fn read_all(
        &mut self,
        turn: Turn,
        sockets: &mut Sockets,
        hear: &mut impl FnMut(&mut Sockets, Input<'_>),
    ) -> usize {
        let mut batch = std::mem::take(&mut self.batch);
        std::mem::swap(&mut batch, &mut sockets.ready);
        let count = batch.len();
        for index in batch.drain(..) {
            if sockets.is_shaking(index) {
                sockets.put_off(index);
                continue;
            }
            self.read(turn, index, sockets, hear);
            sockets.relieve(turn.now, hear);
        }
        self.batch = batch;
        let most = sockets.handshakes() + HANDSHAKES_MAX as u64;
        for _ in 0..sockets.put_off_count() {
            if most <= sockets.handshakes() {
                break;
            }
            if let Some(index) = sockets.next_put_off() {
                self.read(turn, index, sockets, hear);
            }
        }
        count
    }

    /// Treats a connection's input, and puts it on the next turn's list if there is more.
    fn read(
        &mut self,
        turn: Turn,
        index: usize,
        sockets: &mut Sockets,
        hear: &mut impl FnMut(&mut Sockets, Input<'_>),
    ) {
        let Some(conn) = sockets.at(index) else {
            return;
        };
        conn.listed = false;
        let mut fresh_from = conn.rest.len();
        if std::mem::take(&mut conn.backlog) {
            if matches!(conn.phase, Phase::Open { .. }) {
                self.read_backlog(index, sockets, hear);
                return sockets.list(index);
            }
            // A head that waited for its answer.
            fresh_from = 0;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        match &conn.phase {
            Phase::Gone => (),
            Phase::Lingering(_) => sockets.discard(index, &mut buffer),
            Phase::Head { .. } | Phase::Open { .. } => match sockets.receive(index, &mut buffer) {
                Received::Bytes(count) => {
                    let bytes = buffer.get_mut(..count).unwrap_or_default();
                    match sockets.open_at(index) {
                        Some(id) => self.read_frames(id, bytes, sockets, hear),
                        None => self.read_head(turn, index, (bytes, fresh_from), sockets, hear),
                    }
                }
                Received::End => {
                    if let Some(id) = sockets.id_at(index) {
                        sockets.lose(id, hear);
                    }
                }
                Received::Fault(fault) => refuse(turn.now, index, fault, sockets, hear),
            },
        }
        self.buffer = buffer;
        sockets.list(index);
    }

    /// Answers a request head once it is complete, or goes on with the frames behind it.
    fn read_head(
        &mut self,
        turn: Turn,
        index: usize,
        (bytes, fresh_from): (&mut [u8], usize),
        sockets: &mut Sockets,
        hear: &mut impl FnMut(&mut Sockets, Input<'_>),
    ) {
        let received = self
            .reception
            .receive(turn, index, (bytes, fresh_from), sockets);
        let Some((opened, consumed)) = received else {
            if sockets.is_board_asked() {
                hear(sockets, Input::BoardAsked);
            }
            return;
        };
        hear(sockets, opened.input());
        let bytes = bytes.get_mut(consumed..).unwrap_or_default();
        self.read_frames(opened.conn, bytes, sockets, hear);
        if turn.life.dismisses() {
            hear(sockets, Input::Dismiss { conn: opened.conn });
        }
    }

    /// Tells whole messages of what was just received, and keeps what is left.
    fn read_frames(
        &mut self,
        id: ConnId,
        input: &mut [u8],
        sockets: &mut Sockets,
        hear: &mut impl FnMut(&mut Sockets, Input<'_>),
    ) {
        let left = self.tell_messages(id, input, sockets, hear);
        if left != 0
            && let Some(conn) = sockets.get(id)
        {
            let taken = input.len().saturating_sub(left);
            conn.rest = input.get(taken..).unwrap_or_default().into();
        }
    }

    /// Goes on with what an earlier turn had no time for, where it lies.
    fn read_backlog(
        &mut self,
        index: usize,
        sockets: &mut Sockets,
        hear: &mut impl FnMut(&mut Sockets, Input<'_>),
    ) {
        let Some(id) = sockets.open_at(index) else {
            return;
        };
        let Some(conn) = sockets.get(id) else {
            return;
        };
        conn.backlog = false;
        let mut rest = std::mem::take(&mut conn.rest);
        let left = self.tell_messages(id, rest.bytes_mut(), sockets, hear);
        if left != 0
            && let Some(conn) = sockets.get(id)
        {
            rest.keep_last(left);
            conn.rest = rest;
        }
    }

    /// Tells whole messages, of a bounded number of frames, and returns how many bytes are left.
    fn tell_messages(
        &mut self,
        conn: ConnId,
        input: &mut [u8],
        sockets: &mut Sockets,
        hear: &mut impl FnMut(&mut Sockets, Input<'_>),
    ) -> usize {
        let mut input = input;
        let mut fragments = match sockets.get(conn).map(|conn| &mut conn.phase) {
            Some(Phase::Open { fragments, .. }) => std::mem::take(fragments),
            _ => return 0,
        };
        for _ in 0..FRAMES_MAX {
            let step = self.decoder.next(&mut input, &mut fragments);
            match &step {
                Step::Starved => break,
                Step::Text(text) => hear(
                    sockets,
                    Input::Text {
                        conn,
                        text: text.as_str(),
                    },
                ),
                Step::Binary(bytes) => hear(sockets, Input::Binary { conn, bytes }),
                Step::Control => {
                    let input = match self.decoder.ping() {
                        Some(payload) => Input::Ping { conn, payload },
                        None => Input::Seen { conn },
                    };
                    hear(sockets, input);
                }
                Step::Fragment => hear(sockets, Input::Seen { conn }),
                Step::Close => {
                    let replies = &self.decoder.replies;
                    sockets.put(conn, |tail| tail.extend_from_slice(replies));
                    hear(sockets, Input::Left { conn });
                    return 0;
                }
                Step::Violation(reason) => {
                    hear(
                        sockets,
                        Input::Violation {
                            conn,
                            reason: *reason,
                        },
                    );
                    return 0;
                }
            }
            match sockets.is_held(conn) {
                Some(false) => (),
                Some(true) => break,
                None => return 0,
            }
        }
        let backlog = self.decoder.has_step(input, &fragments);
        if let Some(conn) = sockets.get(conn) {
            conn.backlog = backlog;
            if let Phase::Open {
                fragments: place, ..
            } = &mut conn.phase
            {
                *place = fragments;
            }
        }
        if HELD_BYTES_MAX < input.len() && sockets.is_held(conn) == Some(true) {
            let reason = CloseReason::Impatient;
            hear(sockets, Input::Violation { conn, reason });
            return 0;
        }
        input.len()
    }

    /// A connection's timer is due: its head took too long, a close frame waited, or it lingered.
    pub(crate) fn on_timer(&mut self, now: Millis, id: ConnId, sockets: &mut Sockets) {
        if let Some(index) = sockets.on_timer(now, id) {
            sockets.traffic.count_refusal(Refusal::HeadTimeout);
            sockets.answer(now, index, &http::timed_out());
        }
    }
}

/// Ends a connection that does not speak TLS as it should: with a sentence if it speaks HTTP, else
/// with an alert.
fn refuse(
    now: Millis,
    index: usize,
    fault: Fault,
    sockets: &mut Sockets,
    hear: &mut impl FnMut(&mut Sockets, Input<'_>),
) {
    let Some(id) = sockets.id_at(index) else {
        return;
    };
    match fault {
        Fault::Plain => {
            sockets.without_tls(index);
            sockets.traffic.count_refusal(Refusal::Malformed);
            sockets.answer(now, index, &http::not_tls());
        }
        // The hub has to know before the socket says nothing more.
        Fault::Alert if sockets.is_open(id) => sockets.lose(id, hear),
        Fault::Alert => sockets.end(now, id),
    }
}

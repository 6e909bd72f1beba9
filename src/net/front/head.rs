//! A request head in the loop: answered or upgraded as [`http`] decides, and what an operator is
//! told about that.
//!
//! Absent: what a head means.

use super::{Behind, Front, Word};
use crate::metrics::Refusal;
use crate::net::http::{self, Answer, Context, Decision, HEAD_BYTES_MAX};
use crate::net::peers::Peer;
use crate::time::Millis;

/// Refused clients try again every few seconds: one line in that time says enough.
const REFUSAL_LOG_MS: u64 = 10_000;

impl<B: Behind> Front<B> {
    /// Answers a request head once it is complete; `fresh_from` is where this turn's bytes begin.
    pub(super) fn read_head(&mut self, index: usize, bytes: &mut [u8], fresh_from: usize) {
        let Some(conn) = self.sockets.at(index) else {
            return;
        };
        // A head ends with a line, so only a line's end can complete it: a head that comes byte by
        // byte is not parsed for every byte. The first bytes are, to refuse what is no HTTP.
        let fresh = bytes.get(fresh_from..).unwrap_or_default();
        if fresh_from != 0 && bytes.len() < HEAD_BYTES_MAX && !fresh.contains(&b'\n') {
            conn.rest = (*bytes).into();
            return;
        }
        let (peer, newcomer) = (conn.peer, conn.newcomer);
        let context = Context {
            base: &self.config.base_path,
            page: self.page,
            full: self.config.max_connections <= self.sockets.open_count(),
            draining: self.draining,
            newcomer,
            // Nobody new comes by a listener that was handed to us: whoever is here came before.
            last_call: self.gate.is_handed(),
            peer,
            crowd: &self.sockets.crowd,
        };
        let (decision, peer) = http::respond(bytes, context);
        if let Some(conn) = self.sockets.at(index) {
            conn.peer = peer;
        }
        match decision {
            Decision::Partial => {
                if let Some(conn) = self.sockets.at(index) {
                    conn.rest = (*bytes).into();
                }
            }
            Decision::Answer(answer) => {
                log::debug!("{peer} answered {}", answer.status);
                if let Some(refusal) = answer.refusal(self.draining) {
                    self.sockets.traffic.count_refusal(refusal);
                }
                self.log_refusal(peer, &answer);
                self.sockets.answer(self.now, index, &answer);
            }
            Decision::Upgrade {
                head,
                dialect,
                consumed,
            } => {
                if let Some(conn) = self.sockets.upgrade(self.now, index, &head, dialect) {
                    let from = self.sockets.crowd.origin_of(peer);
                    self.tell(conn, Word::Opened(dialect, from));
                    self.read_frames(conn, bytes.get_mut(consumed..).unwrap_or_default());
                    if self.dismissing {
                        self.tell(conn, Word::TooLate);
                    }
                }
            }
        }
    }

    /// Many have come and say nothing.
    pub(super) fn log_crowd(&mut self, peer: Peer, refusal: Refusal) {
        if !seldom(&mut self.silent_logged, self.now) {
            return;
        }
        let count = self.sockets.len();
        match refusal {
            Refusal::Address => log::warn!(
                "{peer} opens more connections than --max-per-address {} allows: of those that ask \
                 for nothing the oldest are closed",
                self.config.max_per_address
            ),
            _ => log::warn!(
                "{count} connections are all there may be (--max-connections {}): of those that \
                 ask for nothing the oldest are closed",
                self.config.max_connections
            ),
        }
    }

    /// What an operator may wonder about, once in a while.
    fn log_refusal(&mut self, peer: Peer, answer: &Answer) {
        if answer.polling && seldom(&mut self.polling_logged, self.now) {
            log::warn!(
                "{peer} tried Socket.IO's long-polling, which is not offered: \
                 its client needs the option transports: [\"websocket\"]"
            );
        }
        if answer.crowded && seldom(&mut self.crowd_logged, self.now) {
            // For whom a proxy speaks may be a proxy, too. Naming that one would not help: it would
            // be trusted, and nobody behind it counted.
            let remedy = match peer {
                Peer::Forwarded(_) => {
                    "if it is a CDN's or another proxy's, your own has to tell whom that one speaks \
                     for (nginx: set_real_ip_from)"
                }
                Peer::Tcp(..) | Peer::Unix => "if it is a proxy, name it with --trusted-proxy",
            };
            log::warn!(
                "{peer} has {} connections and gets no more (--max-per-address); {remedy}",
                self.config.max_per_address
            );
        }
    }
}

/// Whether it is time for another line of a kind that was last written at `last`.
fn seldom(last: &mut Option<Millis>, now: Millis) -> bool {
    let due = last.is_none_or(|last| REFUSAL_LOG_MS <= now.since(last));
    if due {
        *last = Some(now);
    }
    due
}

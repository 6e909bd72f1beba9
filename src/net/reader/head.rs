//! A request head in the loop: answered or upgraded as [`http`] decides, and what an operator is
//! told about that.
//!
//! Absent: what a head means.

use super::Turn;
use crate::config::Config;
use crate::hub::{Dialect, Input};
use crate::model::{ConnId, Origin};
use crate::net::conn::Phase;
use crate::net::entrance::seldom;
use crate::net::http::redirect::Redirect;
use crate::net::http::{self, Answer, Context, Decision, Ending, HEAD_BYTES_MAX, Page};
use crate::net::peers::Peer;
use crate::net::sockets::Sockets;
use crate::time::Millis;

/// Answers heads, and says so now and then.
#[derive(Debug)]
pub(super) struct Reception {
    base_path: String,
    page: Page,
    max_connections: usize,
    max_per_address: usize,
    redirect: Redirect,
    /// `Strict-Transport-Security`, for those who came by TLS.
    hsts: Option<String>,
    polling_logged: Option<Millis>,
    crowd_logged: Option<Millis>,
}

/// A connection whose handshake is done.
#[derive(Clone, Copy)]
pub(super) struct Opened {
    pub(super) conn: ConnId,
    dialect: Dialect,
    from: Option<Origin>,
}

impl Opened {
    /// The first that is heard of it.
    pub(super) fn input(self) -> Input<'static> {
        let Self {
            conn,
            dialect,
            from,
        } = self;
        Input::Opened {
            conn,
            dialect,
            from,
        }
    }
}

impl Reception {
    pub(super) fn new(config: &Config, tls_port: Option<u16>) -> Self {
        let hsts_s = config.hsts_ms / 1_000;
        Self {
            redirect: Redirect::new(config, tls_port),
            hsts: (hsts_s != 0).then(|| format!("Strict-Transport-Security: max-age={hsts_s}\r\n")),
            base_path: config.base_path.clone(),
            page: Page::new(
                &config.base_path,
                config.public_url.as_deref(),
                config.remote_avatars,
            ),
            max_connections: config.max_connections,
            max_per_address: config.max_per_address,
            polling_logged: None,
            crowd_logged: None,
        }
    }

    /// Answers a request head once it is complete; `fresh_from` is where this turn's bytes begin.
    /// Returns an upgraded connection, and where its frames begin.
    pub(super) fn receive(
        &mut self,
        turn: Turn,
        index: usize,
        (bytes, fresh_from): (&[u8], usize),
        sockets: &mut Sockets,
    ) -> Option<(Opened, usize)> {
        let conn = sockets.at(index)?;
        // A head ends with a line, so only a line's end can complete it: a head that comes byte by
        // byte is not parsed for every byte. The first bytes are, to refuse what is no HTTP.
        let fresh = bytes.get(fresh_from..).unwrap_or_default();
        if fresh_from != 0 && bytes.len() < HEAD_BYTES_MAX && !fresh.contains(&b'\n') {
            conn.rest = bytes.into();
            return None;
        }
        let (peer, newcomer) = (conn.peer, conn.newcomer);
        let to_tls = matches!(conn.phase, Phase::Head { to_tls: true, .. });
        let context = Context {
            base: &self.base_path,
            page: self.page,
            full: self.max_connections <= sockets.open_count(),
            store_away: turn.store_away,
            board: &sockets.board,
            ending: turn
                .life
                .is_ending()
                .then_some(match (newcomer, turn.handed) {
                    (true, _) => Ending::Newcomer,
                    (false, true) => Ending::LastCall,
                    (false, false) => Ending::Guest,
                }),
            peer,
            crowd: &sockets.crowd,
        };
        let (decision, peer) = match to_tls {
            true => (self.redirect.respond(bytes), peer),
            false => http::respond(bytes, context),
        };
        let by_tls = sockets.is_by_tls(index);
        let conn = sockets.at(index)?;
        conn.peer = peer;
        match decision {
            Decision::Partial => {
                conn.rest = bytes.into();
                None
            }
            Decision::Wait => {
                conn.rest = bytes.into();
                sockets.asks_for_board(index);
                None
            }
            Decision::Answer(mut answer) => {
                if let Some(field) = self.hsts.as_ref().filter(|_| by_tls) {
                    answer.add_field(field);
                }
                log::debug!("{peer} answered {}", answer.status);
                if let Some(refusal) = answer.refusal(turn.life.is_ending()) {
                    sockets.traffic.count_refusal(refusal);
                }
                self.log_refusal(turn.now, peer, &answer);
                sockets.answer(turn.now, index, &answer);
                None
            }
            Decision::Upgrade {
                head,
                dialect,
                consumed,
            } => {
                let conn = sockets.upgrade(turn.now, index, &head, dialect)?;
                let from = sockets.crowd.origin_of(peer);
                let opened = Opened {
                    conn,
                    dialect,
                    from,
                };
                Some((opened, consumed))
            }
        }
    }

    /// What an operator may wonder about, once in a while.
    fn log_refusal(&mut self, now: Millis, peer: Peer, answer: &Answer) {
        if answer.polling && seldom(&mut self.polling_logged, now) {
            log::warn!(
                "{peer} tried Socket.IO's long-polling, which is not offered: \
                 its client needs the option transports: [\"websocket\"]"
            );
        }
        if answer.crowded && seldom(&mut self.crowd_logged, now) {
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
                self.max_per_address
            );
        }
    }
}

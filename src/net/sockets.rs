//! All connections: their slab, queues and timers, and the lists of who is to be read, written to
//! and removed in a turn.
//!
//! Absent: the hub and its rules, the clock, the decoding of what comes in.
//!
//! - `carry`: all of them as what another program goes on with;
//! - `sessions`: TLS beside them;
//! - `timers`: which timers there are, and which of them take another one's place.

pub(crate) mod carry;
pub(crate) mod sessions;
mod timers;

use std::collections::BTreeSet;
use std::io;

use mio::event::Event;
use mio::{Interest, Registry, Token};
use slab::Slab;

use super::conn::{Conn, Lingering, Phase, Received, Sent};
use super::frames::{Fragments, put_close, put_ping, put_pong, put_text};
use super::gate::Way;
use super::heads::Heads;
use super::http::Answer;
use super::listen::Socket;
use super::peers::{Crowd, Peer};
use super::queue::Pool;
use super::rest::Rest;
use crate::config::Config;
use crate::hub::{BoardPage, Dialect, Input, Output, Played};
use crate::metrics::{Refusal, Traffic};
use crate::model::{CloseReason, ConnId, Ended, StoreOp};
use crate::time::Millis;
use crate::wheel::Wheel;

use self::sessions::Sessions;
pub(crate) use self::timers::Alarm;
use self::timers::Named;

/// How long a close frame waits behind Socket.IO's `41`.
///
/// A library that handles every packet in a thread of its own, as python-socketio does, would
/// otherwise notice the end before it has handled the `41`, and come back.
pub(crate) const HELD_MS: u64 = 250;

/// What is always asked of the poll: bytes, and urgent ones, at which a read stops short of what is
/// there. The latter costs nothing as long as nobody sends any.
const LISTENING: Interest = Interest::READABLE.add(Interest::PRIORITY);

/// Why a connection was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// The kernel says that the other end is gone.
    Lost,
    /// More than `--max-queue` waits for it.
    Slow,
}

/// All connections.
#[derive(Debug)]
pub(crate) struct Sockets {
    registry: Registry,
    conns: Slab<Conn>,
    /// TLS of those that have it.
    pub(crate) sessions: Sessions,
    generation: u32,
    numbers: u64,
    open: usize,
    /// Where those that speak WebSocket come from.
    pub(crate) crowd: Crowd,
    /// Those that have not asked for anything yet.
    heads: Heads,
    pool: Pool,
    /// The one wheel: timers of the sockets, the hub and the loop.
    pub(crate) wheel: Wheel<Alarm>,
    /// The hub's timers by their names, without those of connections.
    named: Named,
    /// Those to be read in the next turn.
    pub(crate) ready: Vec<usize>,
    dirty: Vec<usize>,
    gone: Vec<usize>,
    /// What pages are told of who is best.
    pub(crate) board: BoardPage,
    /// Those that wait until that is known; no more than there are connections, whatever they say.
    askers: BTreeSet<ConnId>,
    /// Somebody asked for it who has to wait.
    board_asked: bool,
    /// For when the timer was armed last that ends their wait.
    board_until: Option<Millis>,
    /// What the store is to be told at the end of the turn, if there is one.
    pub(crate) store_ops: Vec<StoreOp>,
    /// Those that failed while they were written to; the hub does not know yet.
    failed: Vec<(ConnId, Failure)>,
    /// What happened so far.
    pub(crate) traffic: Traffic,
    queue_bytes_max: usize,
    head_timeout_ms: u64,
    linger_ms: u64,
}

impl Sockets {
    /// No connections yet.
    pub(crate) fn new(registry: Registry, config: &Config) -> Self {
        Self {
            registry,
            conns: Slab::new(),
            sessions: Sessions::new(),
            generation: 0,
            numbers: 0,
            open: 0,
            crowd: Crowd::new(config),
            heads: Heads::default(),
            pool: Pool::default(),
            wheel: Wheel::new(),
            named: Named::default(),
            ready: Vec::new(),
            dirty: Vec::new(),
            gone: Vec::new(),
            board: BoardPage::None,
            askers: BTreeSet::new(),
            board_asked: false,
            board_until: None,
            store_ops: Vec::new(),
            failed: Vec::new(),
            traffic: Traffic::default(),
            queue_bytes_max: config.max_queue,
            head_timeout_ms: config.head_timeout_ms,
            linger_ms: config.linger_ms,
        }
    }

    /// How many connections there are, in any phase.
    pub(crate) fn len(&self) -> usize {
        self.conns.len()
    }

    /// How many of them speak WebSocket.
    pub(crate) fn open_count(&self) -> usize {
        self.open
    }

    /// Whether somebody who came before the stop is still being served, answered or closed.
    pub(crate) fn has_guests(&self) -> bool {
        self.conns.iter().any(|(_, conn)| match conn.phase {
            Phase::Head { .. } | Phase::Gone => false,
            Phase::Open { .. } => true,
            Phase::Lingering(_) => !conn.newcomer,
        })
    }

    /// Whether somebody is asking something, or came after the stop and has not taken its answer.
    pub(crate) fn has_latecomers(&self) -> bool {
        self.conns.iter().any(|(_, conn)| match conn.phase {
            Phase::Head { .. } => !conn.rest.is_empty(),
            Phase::Lingering(_) => conn.newcomer,
            Phase::Open { .. } | Phase::Gone => false,
        })
    }

    /// Whether somebody is here who has not asked for anything yet.
    pub(crate) fn has_heads(&self) -> bool {
        !self.heads.is_empty()
    }

    /// Whether some of them end with this turn.
    pub(crate) fn has_gone(&self) -> bool {
        !self.gone.is_empty()
    }

    /// How many connections there are, without those that end with this turn.
    pub(crate) fn staying(&self) -> usize {
        self.conns.len() - self.gone.len()
    }

    /// Makes room for one more connection of this peer's where there may be `most`: whoever has
    /// been silent longest goes, of its own address first, or of all. Returns whether there is
    /// room, and why not, or why somebody had to go.
    pub(crate) fn make_room(&mut self, peer: Peer, most: usize) -> (bool, Option<Refusal>) {
        if let Some(address) = self.crowd.crowded(peer) {
            let silent = self.heads.oldest_of(address);
            return (self.cut_silent(silent), Some(Refusal::Address));
        }
        if self.staying() < most {
            return (true, None);
        }
        let silent = self.heads.oldest();
        (self.cut_silent(silent), Some(Refusal::Full))
    }

    /// Ends a connection that has said nothing; whether there was one.
    fn cut_silent(&mut self, silent: Option<ConnId>) -> bool {
        let Some(id) = silent else { return false };
        self.traffic.count_refusal(Refusal::Silent);
        self.drop_at(id.index as usize);
        true
    }

    /// One past the highest index there may be.
    pub(crate) fn index_end(&self) -> usize {
        self.conns.capacity()
    }

    /// The connection at an index, if it speaks WebSocket.
    pub(crate) fn open_at(&self, index: usize) -> Option<ConnId> {
        match self.conns.get(index)? {
            conn if matches!(conn.phase, Phase::Open { .. }) => Some(id_of(index, conn)),
            _ => None,
        }
    }

    /// The name of the connection at an index, in any phase.
    pub(crate) fn id_at(&self, index: usize) -> Option<ConnId> {
        Some(id_of(index, self.conns.get(index)?))
    }

    /// The connection at an index, in any phase.
    pub(crate) fn at(&mut self, index: usize) -> Option<&mut Conn> {
        self.conns.get_mut(index)
    }

    #[cfg(test)]
    pub(crate) fn peek(&self, index: usize) -> Option<&Conn> {
        self.conns.get(index)
    }

    /// The connection of this name, unless the name is stale.
    pub(crate) fn get(&mut self, id: ConnId) -> Option<&mut Conn> {
        let conn = self.conns.get_mut(id.index as usize)?;
        (conn.generation == id.generation).then_some(conn)
    }

    /// Whether it speaks WebSocket: whether its input counts and the hub's outputs reach it.
    pub(crate) fn is_open(&mut self, id: ConnId) -> bool {
        matches!(
            self.get(id),
            Some(Conn {
                phase: Phase::Open { .. },
                ..
            })
        )
    }

    /// Whether nothing more is to be taken from a connection for now; `None`: it does not speak
    /// WebSocket, or not any more.
    pub(crate) fn is_held(&mut self, id: ConnId) -> Option<bool> {
        match self.get(id)?.phase {
            Phase::Open { held, .. } => Some(held),
            _ => None,
        }
    }

    /// Takes a new connection in and waits for its head.
    pub(crate) fn insert(
        &mut self,
        now: Millis,
        socket: Socket,
        (peer, way): (Peer, Way),
        newcomer: bool,
    ) -> io::Result<()> {
        let session = match way {
            Way::Tls => match self.sessions.keys.session() {
                Some(session) => Some(session),
                // Nobody is answered before there is a certificate.
                None => return Ok(()),
            },
            Way::Plain | Way::Redirect => None,
        };
        let entry = self.conns.vacant_entry();
        let index = entry.key();
        self.generation = self.generation.wrapping_add(1);
        let mut socket = socket;
        self.registry
            .register(&mut socket, Token(index), LISTENING)?;
        let id = ConnId {
            index: index as u32,
            generation: self.generation,
        };
        let timer = self
            .wheel
            .arm(now + self.head_timeout_ms, Alarm::Socket(id));
        self.crowd.arrive(peer);
        let number = self.heads.insert(id, self.crowd.direct_place_of(peer));
        let phase = Phase::Head {
            timer,
            number,
            to_tls: way == Way::Redirect,
        };
        let mut conn = Conn::new(self.generation, socket, peer, now, phase);
        conn.newcomer = newcomer;
        entry.insert(conn);
        if let Some(session) = session {
            self.sessions.insert(index, session);
        }
        self.traffic.accepted += 1;
        Ok(())
    }

    /// Notes what the kernel says about a connection.
    pub(crate) fn note(&mut self, event: &Event) {
        let index = event.token().0;
        let Some(conn) = self.conns.get_mut(index) else {
            return;
        };
        if event.is_read_closed() || event.is_error() {
            conn.hung_up = true;
        }
        if event.is_priority() {
            conn.urgent = true;
        }
        if event.is_readable() || conn.hung_up || conn.urgent {
            conn.readable = true;
            self.list(index);
        }
        if event.is_writable() {
            self.mark_dirty(index);
        }
    }

    /// Puts a connection on the list of those to be read, if there is anything to read.
    pub(crate) fn list(&mut self, index: usize) {
        if let Some(conn) = self.conns.get_mut(index)
            && !conn.listed
            && conn.has_more()
        {
            conn.listed = true;
            self.ready.push(index);
        }
    }

    /// Receives from a connection into the loop's buffer.
    pub(crate) fn receive(&mut self, index: usize, buffer: &mut [u8]) -> Received {
        if let Some(received) = self.receive_by_tls(index, buffer) {
            return received;
        }
        match self.conns.get_mut(index) {
            Some(conn) => {
                let known = conn.rest.len();
                let received = conn.receive(buffer);
                if let Received::Bytes(count) = received {
                    self.traffic.bytes_in += (count - known) as u64;
                }
                received
            }
            None => Received::End,
        }
    }

    /// Throws away what a lingering connection sends, and removes it when that is over.
    pub(crate) fn discard(&mut self, index: usize, buffer: &mut [u8]) {
        if let Some(conn) = self.conns.get_mut(index)
            && !conn.discard(buffer)
        {
            self.drop_at(index);
        }
    }

    /// The handshake is done: answers it, and lets the hub's outputs through from now on.
    pub(crate) fn upgrade(
        &mut self,
        now: Millis,
        index: usize,
        head: &[u8],
        dialect: Dialect,
    ) -> Option<ConnId> {
        let conn = self.conns.get_mut(index)?;
        let Phase::Head { timer, .. } = conn.phase else {
            return None;
        };
        let silent = conn.silent();
        self.wheel.cancel(timer);
        self.numbers += 1;
        self.open += 1;
        self.crowd.count_opened(conn.peer);
        conn.since = now;
        conn.phase = Phase::Open {
            dialect,
            held: false,
            number: self.numbers,
            fragments: Fragments::default(),
            timer: None,
        };
        let id = id_of(index, conn);
        self.not_silent(silent);
        self.put(id, |tail| tail.extend_from_slice(head));
        Some(id)
    }

    /// A head waits until it is known who is best.
    pub(crate) fn asks_for_board(&mut self, index: usize) {
        if let Some(id) = self.id_at(index) {
            self.askers.insert(id);
            self.board_asked = true;
        }
    }

    /// Whether somebody asked for that since this was asked.
    pub(crate) fn is_board_asked(&mut self) -> bool {
        std::mem::take(&mut self.board_asked)
    }

    #[cfg(test)]
    pub(crate) fn askers(&self) -> usize {
        self.askers.len()
    }

    /// What pages are told of who is best from now on; those who waited for it are answered, and
    /// those who have to wait are at `until`, whatever is known by then.
    pub(crate) fn tell_board(&mut self, page: BoardPage, until: Option<Millis>) {
        self.board = page;
        if self.askers.is_empty() {
            return;
        }
        if self.board == BoardPage::Ask {
            if let Some(until) = until.filter(|_| self.board_until != until) {
                self.board_until = Some(until);
                self.wheel.arm(until, Alarm::Board);
            }
            return;
        }
        for id in std::mem::take(&mut self.askers) {
            if let Some(conn) = self.get(id)
                && matches!(conn.phase, Phase::Head { .. })
            {
                conn.backlog = true;
                self.list(id.index as usize);
            }
        }
    }

    /// Sends a plain answer and ends the connection.
    pub(crate) fn answer(&mut self, now: Millis, index: usize, answer: &Answer) {
        if self.is_shaking(index) {
            // Nothing can be told to it yet.
            return self.drop_at(index);
        }
        let Some(conn) = self.conns.get_mut(index) else {
            return;
        };
        let id = id_of(index, conn);
        self.traffic.count_answer(answer.status);
        conn.queue
            .tail(&mut self.pool)
            .extend_from_slice(&answer.head);
        self.linger(now, id, answer.body, self.head_timeout_ms);
    }

    /// Sends a close frame after what is queued and ends the connection.
    pub(crate) fn close(&mut self, now: Millis, id: ConnId, reason: CloseReason) {
        self.put(id, |tail| put_close(tail, reason.code(), reason.text()));
        self.end(now, id);
    }

    /// Ends the connection like [`close`](Self::close), with a pause before the close frame.
    pub(crate) fn close_later(&mut self, now: Millis, id: ConnId, reason: CloseReason) {
        self.linger(now, id, &[], HELD_MS);
        if let Some(conn) = self.get(id)
            && let Phase::Lingering(end) = &mut conn.phase
        {
            end.held = Some(reason);
        }
    }

    /// Ends the connection once everything queued is sent.
    pub(crate) fn end(&mut self, now: Millis, id: ConnId) {
        self.linger(now, id, &[], self.head_timeout_ms);
    }

    /// Ends the connection at once.
    fn drop_conn(&mut self, id: ConnId) {
        if self.get(id).is_some() {
            self.drop_at(id.index as usize);
        }
    }

    /// Carries out one of the hub's orders; what is for a stale connection is dropped.
    pub(crate) fn carry_out(&mut self, now: Millis, output: Output<'_>) {
        match output {
            Output::Send { conn, text } => self.put(conn, |tail| put_text(tail, text)),
            Output::Ping { conn } => self.put(conn, put_ping),
            Output::Pong { conn, payload } => self.put(conn, |tail| put_pong(tail, payload)),
            Output::Close {
                conn,
                ended,
                played,
            } => self.end_open(now, conn, ended, played),
            Output::Arm { at, timer } => self.arm(at, timer),
            Output::Disarm { timer } => self.disarm(timer),
            Output::Store(op) => self.store_ops.push(*op),
            Output::Hold { conn } => {
                if let Some(conn) = self.get(conn) {
                    conn.hold(true);
                }
            }
            Output::Resume { conn } => {
                if let Some(resumed) = self.get(conn) {
                    resumed.hold(false);
                    self.list(conn.index as usize);
                }
            }
        }
    }

    /// Ends a connection that speaks WebSocket, with one line in the log.
    fn end_open(&mut self, now: Millis, id: ConnId, ended: Ended, played: Played) {
        let Some(conn) = self.get(id) else { return };
        let Phase::Open {
            dialect, number, ..
        } = conn.phase
        else {
            return;
        };
        let lasted_ms = now.since(conn.since);
        log::info!(
            "#{number} {} {dialect} {}.{}s {played}: {ended}",
            conn.peer,
            lasted_ms / 1000,
            lasted_ms % 1000 / 100,
        );
        self.traffic.count_end(ended);
        match ended {
            Ended::Left => self.end(now, id),
            Ended::Lost => self.drop_conn(id),
            Ended::Closed(reason) if dialect.is_socket_io() && reason.sends_away() => {
                self.close_later(now, id, reason);
            }
            Ended::Closed(reason) => self.close(now, id, reason),
        }
    }

    /// Writes before the turn's end if very many wait for that: after a pause of the process all
    /// heartbeats are due at once, and each holds a buffer, of which only so many are kept.
    pub(crate) fn relieve(&mut self, now: Millis, hear: &mut impl FnMut(&mut Self, Input<'_>)) {
        if Pool::BUFFERS_MAX <= self.dirty.len() {
            self.write(now, hear);
        }
    }

    /// Writes to everybody who is owed something. `hear` is told of those that fail, which may owe
    /// others something because of that; each connection fails once at most.
    pub(crate) fn write(&mut self, now: Millis, hear: &mut impl FnMut(&mut Self, Input<'_>)) {
        self.flush(now);
        while let Some((id, failure)) = self.failed.pop() {
            match failure {
                Failure::Slow if self.is_open(id) => {
                    self.traffic.slow_readers += 1;
                    // `bye`, `41` and the close frame are queued behind what it has not read yet,
                    // for the case that it begins to.
                    let reason = CloseReason::SlowReader;
                    hear(self, Input::Violation { conn: id, reason });
                }
                Failure::Slow | Failure::Lost => self.lose(id, hear),
            }
            self.flush(now);
        }
    }

    /// The other end is gone: nothing can be sent to it any more.
    pub(crate) fn lose(&mut self, id: ConnId, hear: &mut impl FnMut(&mut Self, Input<'_>)) {
        if self.is_open(id) {
            hear(self, Input::Closed { conn: id });
        }
        self.drop_conn(id);
    }

    /// Appends to the queue of a connection that speaks WebSocket.
    pub(crate) fn put(&mut self, id: ConnId, write: impl FnOnce(&mut Vec<u8>)) {
        let index = id.index as usize;
        if let Some(conn) = self.conns.get_mut(index)
            && conn.generation == id.generation
            && matches!(conn.phase, Phase::Open { .. })
        {
            write(conn.queue.tail(&mut self.pool));
            if !conn.dirty {
                conn.dirty = true;
                self.dirty.push(index);
            }
        }
    }

    fn send_held(&mut self, now: Millis, index: usize, reason: CloseReason) {
        let Some(conn) = self.conns.get_mut(index) else {
            return;
        };
        let tail = conn.queue.tail(&mut self.pool);
        put_close(tail, reason.code(), reason.text());
        let alarm = Alarm::Socket(id_of(index, conn));
        if let Phase::Lingering(end) = &mut conn.phase {
            end.timer = self.wheel.arm(now + self.head_timeout_ms, alarm);
        }
        self.mark_dirty(index);
    }

    /// Sends to everybody on the list, once each.
    fn flush(&mut self, now: Millis) {
        while let Some(index) = self.dirty.pop() {
            self.flush_at(now, index);
        }
    }

    /// Removes those that are gone. Until now their indexes were taken.
    pub(crate) fn sweep(&mut self) {
        for index in self.gone.drain(..) {
            if let Some(mut session) = self.sessions.remove(index) {
                session.sealed.clear(&mut self.pool);
            }
            if let Some(mut conn) = self.conns.try_remove(index) {
                // The poll forgets a descriptor that nobody else has once it is closed (epoll(7),
                // question 6), and nobody has one of ours: a program that is started gets none.
                conn.queue.clear(&mut self.pool);
            }
        }
    }

    fn flush_at(&mut self, now: Millis, index: usize) {
        let Some(conn) = self.conns.get_mut(index) else {
            return;
        };
        conn.dirty = false;
        if matches!(conn.phase, Phase::Gone) {
            return;
        }
        let id = id_of(index, conn);
        let sent = match self.sessions.get(index) {
            None => {
                let owed = conn.owed();
                let sent = conn.send(self.queue_bytes_max, &mut self.pool);
                self.traffic.bytes_out += (owed - conn.owed()) as u64;
                sent
            }
            Some(session) => {
                let sent = conn.send_by(session, self.queue_bytes_max, &mut self.pool);
                self.traffic.bytes_out += std::mem::take(&mut session.traffic.1);
                sent
            }
        };
        let waits = sent == Sent::Some;
        if sent == Sent::All && !conn.waits_to_write && matches!(conn.phase, Phase::Open { .. }) {
            // As nearly always.
            return;
        }
        if sent == Sent::Failed || !self.registered(index, waits) {
            self.failed.push((id, Failure::Lost));
            return;
        }
        let most = self.queue_bytes_max + self.overhead(index);
        let sealed = self.sessions.get(index).map_or(0, |it| it.sealed.len());
        let Some(conn) = self.conns.get_mut(index) else {
            return;
        };
        match conn.phase {
            Phase::Open { .. } if most < conn.queue.len() + sealed => {
                self.failed.push((id, Failure::Slow));
            }
            Phase::Lingering(ref end) if !end.shut && end.held.is_none() && !waits => {
                self.shut(now, index);
            }
            _ => (),
        }
    }

    /// Asks for writable events only while bytes wait; whether the kernel agreed.
    fn registered(&mut self, index: usize, waits: bool) -> bool {
        let Some(conn) = self.conns.get_mut(index) else {
            return false;
        };
        if conn.waits_to_write == waits {
            return true;
        }
        conn.waits_to_write = waits;
        let interest = if waits {
            LISTENING | Interest::WRITABLE
        } else {
            LISTENING
        };
        self.registry
            .reregister(&mut conn.socket, Token(index), interest)
            .is_ok()
    }

    /// Everything is sent: says so, and from now on waits for the other end to do the same.
    fn shut(&mut self, now: Millis, index: usize) {
        let Some(conn) = self.conns.get_mut(index) else {
            return;
        };
        let id = id_of(index, conn);
        let Phase::Lingering(end) = &mut conn.phase else {
            return;
        };
        if end.heard_out {
            return self.drop_at(index);
        }
        end.shut = true;
        self.wheel.cancel(end.timer);
        end.timer = self.wheel.arm(now + self.linger_ms, Alarm::Socket(id));
        if conn.socket.shutdown_write().is_err() {
            self.drop_at(index);
        } else {
            self.list(index);
        }
    }

    /// Takes no more input, and allows so long for the kernel to take what is queued.
    fn linger(&mut self, now: Millis, id: ConnId, body: &'static [u8], patience_ms: u64) {
        let index = id.index as usize;
        let Some(conn) = self.get(id) else { return };
        let silent = conn.silent();
        let before = match conn.phase {
            Phase::Head { timer, .. } => Some(timer),
            Phase::Open { timer, .. } => timer,
            Phase::Lingering(_) | Phase::Gone => return,
        };
        let was_open = matches!(conn.phase, Phase::Open { .. });
        conn.rest = Rest::default();
        conn.backlog = false;
        if let Some(timer) = before {
            self.wheel.cancel(timer);
        }
        if was_open {
            self.count_closed(index);
        }
        self.not_silent(silent);
        let timer = self.wheel.arm(now + patience_ms, Alarm::Socket(id));
        if let Some(conn) = self.get(id) {
            conn.phase = Phase::Lingering(Box::new(Lingering {
                body,
                shut: false,
                heard_out: false,
                discarded: 0,
                held: None,
                timer,
            }));
        }
        self.mark_dirty(index);
    }

    fn drop_at(&mut self, index: usize) {
        let Some(conn) = self.conns.get_mut(index) else {
            return;
        };
        let (peer, silent) = (conn.peer, conn.silent());
        let id = id_of(index, conn);
        match std::mem::replace(&mut conn.phase, Phase::Gone) {
            Phase::Head { timer, .. } => {
                self.wheel.cancel(timer);
                self.askers.remove(&id);
            }
            Phase::Lingering(end) => drop(self.wheel.cancel(end.timer)),
            Phase::Open { timer, .. } => {
                if let Some(timer) = timer {
                    self.wheel.cancel(timer);
                }
                self.count_closed(index);
            }
            Phase::Gone => return,
        }
        self.not_silent(silent);
        self.crowd.depart(peer);
        self.gone.push(index);
    }

    /// One that had not asked for anything has, or is gone.
    fn not_silent(&mut self, silent: Option<(u64, Peer)>) {
        if let Some((number, peer)) = silent {
            self.heads.remove(number, self.crowd.direct_place_of(peer));
        }
    }

    /// One that spoke WebSocket does not count any more.
    fn count_closed(&mut self, index: usize) {
        self.open -= 1;
        if let Some(conn) = self.conns.get(index) {
            self.crowd.count_closed(conn.peer);
        }
    }

    fn mark_dirty(&mut self, index: usize) {
        if let Some(conn) = self.conns.get_mut(index)
            && !conn.dirty
        {
            conn.dirty = true;
            self.dirty.push(index);
        }
    }
}

fn id_of(index: usize, conn: &Conn) -> ConnId {
    ConnId {
        index: index as u32,
        generation: conn.generation,
    }
}

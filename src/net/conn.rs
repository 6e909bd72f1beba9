//! One connection's phases, and the system calls on its socket.
//!
//! Head → Open → Lingering → Gone, or straight from Head to Lingering with a plain answer.
//! Absent: other connections, timers, the hub, the log.

use std::io;

use super::frames::Fragments;
use super::listen::Socket;
use super::peers::Peer;
use super::queue::{Pool, Queue};
use super::rest::Rest;
use super::tls::{CIPHER_BYTES_MAX, Fault, Session};
use crate::hub::Dialect;
use crate::model::CloseReason;
use crate::time::Millis;
use crate::wheel::TimerKey;

/// How much one turn takes from one connection.
///
/// It also bounds what a connection that floods us can leave over for later turns. Honest clients
/// send a few hundred bytes at a time.
pub(crate) const RECV_BYTES: usize = 16 * 1024;

/// How much a lingering connection may still send before it is closed anyway.
const DISCARD_BYTES_MAX: usize = 64 * 1024;

/// Where a connection is in its life.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Its request head is being collected.
    Head {
        /// `--head-timeout`.
        timer: TimerKey,
        /// Among those that have not asked for anything yet.
        number: u64,
        /// It is to be sent to where TLS is spoken.
        to_tls: bool,
    },
    /// It speaks WebSocket; the hub knows it.
    Open {
        /// What its address asked for.
        dialect: Dialect,
        /// Nothing more is taken from it: it waits for an answer of the store's.
        held: bool,
        /// Its number in the log.
        number: u64,
        fragments: Fragments,
        /// Its heartbeat's; it goes with the connection.
        timer: Option<TimerKey>,
    },
    /// The last bytes for it are queued, and its own count no more.
    Lingering(Box<Lingering>),
    /// It is to be removed at the end of the turn.
    Gone,
}

/// The end of a connection; apart, so that the others need no room for it.
#[derive(Debug)]
pub(crate) struct Lingering {
    /// What is sent after the queue: the body of a plain answer.
    pub(crate) body: &'static [u8],
    /// Everything is sent and writing is shut down.
    pub(crate) shut: bool,
    /// The other end has shut its side down.
    pub(crate) heard_out: bool,
    /// How many bytes were thrown away.
    pub(crate) discarded: usize,
    /// A close frame that is sent when the timer fires.
    pub(crate) held: Option<CloseReason>,
    /// Ends the wait before `held`, for the kernel to take it all, then `--linger`.
    pub(crate) timer: TimerKey,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Conn {
    /// Tells it from others that had its index.
    pub(crate) generation: u32,
    pub(crate) socket: Socket,
    /// The other end; from the request head on, whom a trusted proxy speaks for.
    pub(crate) peer: Peer,
    /// When it was accepted, and when it was upgraded since.
    pub(crate) since: Millis,
    /// It came after the server was asked to stop.
    pub(crate) newcomer: bool,
    /// Where it is in its life.
    pub(crate) phase: Phase,
    /// What the kernel has not taken yet.
    pub(crate) queue: Queue,
    /// What it sent that is not understood yet: a part of a head or frame, or a backlog.
    pub(crate) rest: Rest,
    /// `rest` begins with a frame, or a part of a long one, that this turn had no time for.
    pub(crate) backlog: bool,
    /// The kernel may hold more from it.
    pub(crate) readable: bool,
    /// It has shut its side down: after its last bytes there is an end to be read.
    pub(crate) hung_up: bool,
    /// It sent urgent data: a read may stop short of what is there, until one finds nothing.
    pub(crate) urgent: bool,
    /// It stands on the list of those to be read.
    pub(crate) listed: bool,
    /// It stands on the list of those to be written to.
    pub(crate) dirty: bool,
    /// It is registered for writable events.
    pub(crate) waits_to_write: bool,
}

/// What a call to receive brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// So many bytes stand in the buffer.
    Bytes(usize),
    /// The other end is gone.
    End,
    /// It is not what was to be spoken here.
    Fault(Fault),
}

/// What a call to send achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Nothing is left.
    All,
    /// The kernel takes no more for now.
    Some,
    /// The other end is gone.
    Failed,
}

impl Conn {
    /// A connection that was just accepted.
    pub(crate) fn new(
        generation: u32,
        socket: Socket,
        peer: Peer,
        since: Millis,
        phase: Phase,
    ) -> Self {
        Self {
            generation,
            socket,
            peer,
            since,
            newcomer: false,
            phase,
            queue: Queue::default(),
            rest: Rest::default(),
            backlog: false,
            readable: false,
            hung_up: false,
            urgent: false,
            listed: false,
            dirty: false,
            waits_to_write: false,
        }
    }

    /// Nothing is taken from it any more, or again.
    pub(crate) fn hold(&mut self, hold: bool) {
        if let Phase::Open { held, .. } = &mut self.phase {
            *held = hold;
        }
    }

    /// Its number and peer if it has not asked for anything yet.
    pub(crate) fn silent(&self) -> Option<(u64, Peer)> {
        match self.phase {
            Phase::Head { number, .. } => Some((number, self.peer)),
            _ => None,
        }
    }

    /// Whether a later turn has to read it without waiting for an event.
    pub(crate) fn has_more(&self) -> bool {
        match self.phase {
            Phase::Head { .. } => self.backlog || self.readable,
            Phase::Open { held, .. } => !held && (self.backlog || self.readable),
            Phase::Lingering(ref end) => self.readable && !end.heard_out,
            Phase::Gone => false,
        }
    }

    /// Puts its input into the buffer: what was left over, then what one call receives.
    ///
    /// `buffer` has room for the longest part of a head or frame and [`RECV_BYTES`] more. A backlog
    /// is treated where it lies, and before anything is received.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Received {
        let rest = std::mem::take(&mut self.rest);
        let rest = rest.bytes();
        let Some((front, back)) = buffer.split_at_mut_checked(rest.len()) else {
            return Received::End;
        };
        front.copy_from_slice(rest);
        let asked = back.len().min(RECV_BYTES);
        let room = back.get_mut(..asked).unwrap_or_default();
        match self.recv(room) {
            Ok(0) => Received::End,
            Ok(count) => Received::Bytes(rest.len() + count),
            Err(error) if is_passing(&error) => Received::Bytes(rest.len()),
            Err(_) => Received::End,
        }
    }

    /// The same by TLS: what is received goes into `cipher`, what it says into the buffer, behind
    /// what was left over of that.
    ///
    /// `cipher` has room for [`CIPHER_BYTES_MAX`], and the buffer for as much behind what is left.
    pub(crate) fn receive_by(
        &mut self,
        session: &mut Session,
        cipher: &mut [u8],
        buffer: &mut [u8],
        pool: &mut Pool,
    ) -> Received {
        if session.heard_out {
            return Received::End;
        }
        let known = session.put_rest(cipher);
        let room = cipher.get_mut(known..CIPHER_BYTES_MAX).unwrap_or_default();
        let came = match self.recv(room) {
            Ok(0) => return Received::End,
            Ok(count) => count,
            Err(error) if is_passing(&error) => 0,
            Err(_) => return Received::End,
        };
        session.traffic.0 += came as u64;
        let rest = std::mem::take(&mut self.rest);
        let rest = rest.bytes();
        let Some((front, plain)) = buffer.split_at_mut_checked(rest.len()) else {
            return Received::End;
        };
        front.copy_from_slice(rest);
        let cipher = cipher.get_mut(..known + came).unwrap_or_default();
        match session.open(cipher, plain, pool) {
            Ok(count) => {
                // After the last bytes there is an end to be read.
                self.readable |= session.heard_out;
                Received::Bytes(rest.len() + count)
            }
            Err(fault) => Received::Fault(fault),
        }
    }

    /// Throws away what it still sends, so that the kernel need not hold it; whether to go on with
    /// this connection.
    pub(crate) fn discard(&mut self, buffer: &mut [u8]) -> bool {
        let received = self.recv(buffer.get_mut(..RECV_BYTES).unwrap_or_default());
        let Phase::Lingering(end) = &mut self.phase else {
            return false;
        };
        match received {
            Ok(0) => {
                // It may wait for its answer all the same.
                end.heard_out = true;
                !end.shut
            }
            Ok(count) => {
                end.discarded += count;
                end.discarded < DISCARD_BYTES_MAX
            }
            Err(error) => is_passing(&error),
        }
    }

    /// One call; it remembers whether the kernel may hold more.
    ///
    /// Fewer bytes than asked for mean that there are no more: the next ones come with an event
    /// (epoll(7), question 9). An end that was announced already comes with none, nor do bytes
    /// behind an urgent one, where a read stops (tcp(7)): only one that finds nothing is the last.
    ///
    /// On a unix socket a read also stops behind bytes that came with descriptors (unix(7)), which
    /// no event tells. Only a program of this machine could send some, and what it sent behind
    /// them waits for its next byte; to see them would cost every other connection a dearer call.
    fn recv(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let result = self.socket.recv(room);
        self.readable = match &result {
            Ok(count) => *count == room.len() || self.hung_up || self.urgent,
            Err(error) => error.kind() == io::ErrorKind::Interrupted,
        };
        if let Err(error) = &result
            && error.kind() == io::ErrorKind::WouldBlock
        {
            self.urgent = false;
        }
        result
    }

    /// How many bytes wait for the kernel.
    pub(crate) fn owed(&self) -> usize {
        let body = match &self.phase {
            Phase::Lingering(end) => end.body.len(),
            _ => 0,
        };
        self.queue.len() + body
    }

    /// Sends what waits, at most `piece` bytes in a call: the kernel looks at its limit before it
    /// takes a call's bytes, and then takes them all.
    ///
    /// Nearly always that is one call. The kernel takes less than asked for only when it is full.
    pub(crate) fn send(&mut self, piece: usize, pool: &mut Pool) -> Sent {
        let body = match &mut self.phase {
            Phase::Lingering(end) => &mut end.body,
            _ => &mut (&[] as &[u8]),
        };
        while !self.queue.is_empty() || !body.is_empty() {
            let unsent = self.queue.unsent();
            let first = unsent.get(..piece).unwrap_or(unsent);
            // Nothing of the body if the queue alone fills the piece.
            let second = body.get(..piece - first.len()).unwrap_or(body);
            let (queued, asked) = (first.len(), first.len() + second.len());
            let count = match self.socket.send(first, second) {
                Ok(0) => return Sent::Failed,
                Ok(count) => count,
                Err(error) if is_passing(&error) => 0,
                Err(_) => return Sent::Failed,
            };
            *body = body.get(count.saturating_sub(queued)..).unwrap_or_default();
            self.queue.advance(count.min(queued), pool);
            if count < asked {
                return Sent::Some;
            }
        }
        Sent::All
    }
}

impl Conn {
    /// Sends what waits by TLS, a record of at most `piece` bytes at a time: only what the kernel
    /// takes is encrypted, but for the last record. A connection that ends says so first.
    pub(crate) fn send_by(&mut self, session: &mut Session, piece: usize, pool: &mut Pool) -> Sent {
        loop {
            while !session.sealed.is_empty() {
                let asked = session.sealed.len();
                let count = match self.socket.send(session.sealed.unsent(), &[]) {
                    Ok(0) => return Sent::Failed,
                    Ok(count) => count,
                    Err(error) if is_passing(&error) => 0,
                    Err(_) => return Sent::Failed,
                };
                session.traffic.1 += count as u64;
                session.sealed.advance(count, pool);
                if count < asked {
                    return Sent::Some;
                }
            }
            if session.failed || session.is_shaking() {
                // Nothing else can be said to it, now or ever.
                if session.failed {
                    self.queue.clear(pool);
                }
                return Sent::All;
            }
            let end = match &mut self.phase {
                Phase::Lingering(end) => Some(end),
                _ => None,
            };
            if !self.queue.is_empty() {
                let unsent = self.queue.unsent();
                let taken = session.seal(unsent.get(..piece).unwrap_or(unsent), pool);
                self.queue.advance(taken, pool);
            } else if let Some(end) = end {
                if !end.body.is_empty() {
                    let taken = session.seal(end.body.get(..piece).unwrap_or(end.body), pool);
                    end.body = end.body.get(taken..).unwrap_or_default();
                } else if end.held.is_none() && !session.said_end {
                    session.seal_end(pool);
                } else {
                    return Sent::All;
                }
            } else {
                return Sent::All;
            }
        }
    }
}

/// Whether a later call may go better.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

// A debug build's sockets are larger.
const _: () = assert!(
    size_of::<Conn>() - size_of::<Socket>() <= 88,
    "an idle connection is to cost little"
);

#[cfg(test)]
mod tests {
    use std::io::Read;

    use mio::net::UnixStream;

    use super::{Conn, Lingering, Phase, RECV_BYTES, Received, Sent};
    use crate::net::listen::Socket;
    use crate::net::peers::Peer;
    use crate::net::queue::Pool;
    use crate::time::Millis;
    use crate::wheel::Wheel;

    fn pair() -> (Conn, std::os::unix::net::UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        let timer = Wheel::new().arm(Millis::ZERO, ());
        let phase = Phase::Head {
            timer,
            number: 0,
            to_tls: false,
        };
        let conn = Conn::new(1, Socket::Unix(ours), Peer::Unix, Millis::ZERO, phase);
        let theirs = std::os::unix::net::UnixStream::from(theirs);
        (conn, theirs)
    }

    #[test]
    fn a_body_larger_than_the_kernel_takes_arrives_whole_behind_its_head() {
        let (mut conn, mut theirs) = pair();
        let mut pool = Pool::default();
        let body: &'static [u8] = (0..3_000_000_u32)
            .map(|number| (number % 251) as u8)
            .collect::<Vec<_>>()
            .leak();
        let Phase::Head { timer, .. } = conn.phase else {
            panic!("connections begin with their head")
        };
        conn.queue.tail(&mut pool).extend(b"head");
        conn.phase = Phase::Lingering(Box::new(Lingering {
            body,
            shut: false,
            heard_out: false,
            discarded: 0,
            held: None,
            timer,
        }));
        let (mut arrived, mut stops) = (Vec::new(), 0);
        while conn.send(70_000, &mut pool) == Sent::Some {
            stops += 1;
            // Odd pieces, so that the kernel's room never fits ours.
            let mut piece = vec![0; 70_001];
            let count = theirs.read(&mut piece).expect("bytes were sent");
            arrived.extend(piece.drain(..count));
        }
        assert!(
            1 < stops,
            "the kernel took all at once: the test shows nothing"
        );
        drop(conn);
        theirs.read_to_end(&mut arrived).expect("a clean end");
        assert!(arrived.starts_with(b"head"));
        assert!(arrived[4..] == *body);
    }

    #[test]
    fn a_short_read_is_the_last_one_unless_an_end_was_announced() {
        use std::io::Write;

        let (mut conn, mut theirs) = pair();
        let mut buffer = vec![0; 2 * RECV_BYTES];
        theirs.write_all(&vec![1; RECV_BYTES + 1]).expect("room");
        conn.readable = true;
        assert_eq!(conn.receive(&mut buffer), Received::Bytes(RECV_BYTES));
        assert!(conn.has_more());
        assert_eq!(conn.receive(&mut buffer), Received::Bytes(1));
        assert!(!conn.has_more());
        // What is left over stands in front.
        conn.rest = b"left".as_slice().into();
        theirs.write_all(b"over").expect("room");
        assert_eq!(conn.receive(&mut buffer), Received::Bytes(8));
        assert_eq!(&buffer[..8], b"leftover");
        assert!(conn.rest.is_empty());
        theirs.write_all(b"x").expect("room");
        drop(theirs);
        conn.hung_up = true;
        assert_eq!(conn.receive(&mut buffer), Received::Bytes(1));
        assert!(conn.has_more());
        assert_eq!(conn.receive(&mut buffer), Received::End);
    }
}

//! All connections as what another program goes on with, and back.
//!
//! Between two turns nobody is gone, nothing waits to be removed, and all is sent that the kernel
//! took. Counts, lists and timers are made anew. Absent: descriptors, which go beside.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use mio::Token;
use serde::{Serialize, Serializer};

use super::{LISTENING, Sockets, id_of};
use crate::model::{CloseReason, ConnId};
use crate::net::conn::{Conn, Lingering, Phase};
use crate::net::frames::{Fragments, Unfinished};
use crate::net::handover::carried::{Connection, Crowd, State};
use crate::net::listen::Socket;
use crate::net::sockets::Alarm;
use crate::time::Millis;
use crate::wheel::Wheel;

/// The connections that there are.
#[derive(Debug)]
pub(crate) struct Live<'a>(&'a Sockets);

impl Serialize for Live<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(sockets) = self;
        let conns = sockets.conns.iter();
        // What TLS knows stays in this program.
        let conns = conns.filter(|(index, _)| !sockets.is_by_tls(*index));
        let conns = conns.filter_map(|(index, conn)| carry(&sockets.wheel, index, conn));
        serializer.collect_seq(conns)
    }
}

impl Sockets {
    /// All connections, in the order of [`descriptors`](Self::descriptors).
    pub(crate) fn carry(&self) -> Crowd<Live<'_>> {
        Crowd {
            generation: self.generation,
            numbers: self.numbers,
            conns: Live(self),
        }
    }

    /// The sockets of those that [`carry`](Self::carry) tells of.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let conns = self.conns.iter();
        let staying = conns.filter(|(_, conn)| !matches!(conn.phase, Phase::Gone));
        let staying = staying.filter(|(index, _)| !self.is_by_tls(*index));
        staying.map(|(_, conn)| conn.socket.as_fd())
    }

    /// Takes all connections of the program before this one in, under the names they had.
    ///
    /// # Errors
    ///
    /// Something contradicts itself, or the system does not let us poll: one line.
    pub(crate) fn take_over(
        &mut self,
        crowd: Crowd,
        descriptors: impl Iterator<Item = OwnedFd>,
        resume: impl Fn(&Unfinished) -> Option<Fragments>,
    ) -> Result<(), String> {
        check(&crowd, &resume)?;
        self.generation = crowd.generation;
        self.numbers = crowd.numbers;
        let mut conns = Vec::with_capacity(crowd.conns.len());
        for (carried, descriptor) in crowd.conns.into_iter().zip(descriptors) {
            let index = carried.id.index as usize;
            let conn = self.restore(carried, descriptor, &resume);
            conns.push((index, conn.ok_or("a connection cannot be taken over")?));
        }
        self.conns = conns.into_iter().collect();
        for index in 0..self.index_end() {
            self.listen_to(index)
                .map_err(|error| format!("a connection cannot be polled: {error}"))?;
        }
        Ok(())
    }

    /// Those with something to be read are, once it is known who is held.
    pub(crate) fn list_all(&mut self) {
        for index in 0..self.index_end() {
            self.list(index);
        }
    }

    fn restore(
        &mut self,
        carried: Connection,
        descriptor: OwnedFd,
        resume: &impl Fn(&Unfinished) -> Option<Fragments>,
    ) -> Option<Conn> {
        let (id, peer) = (carried.id, carried.peer);
        self.crowd.arrive(peer);
        let mut due = |at| self.wheel.arm(at, Alarm::Socket(id));
        let phase = match carried.state {
            State::Head { number, to_tls } => {
                let timer = due(carried.since + self.head_timeout_ms);
                let place = self.crowd.direct_place_of(peer);
                self.heads.restore(id, place, number);
                Phase::Head {
                    timer,
                    number,
                    to_tls,
                }
            }
            State::Open {
                dialect,
                number,
                unfinished,
            } => {
                self.open += 1;
                self.crowd.count_opened(peer);
                let fragments = match &unfinished {
                    Some(unfinished) => resume(unfinished)?,
                    None => Fragments::default(),
                };
                Phase::Open {
                    dialect,
                    held: false,
                    number,
                    fragments,
                    timer: None,
                }
            }
            State::Ending {
                shut,
                heard_out,
                discarded,
                held,
                at,
            } => Phase::Lingering(Box::new(Lingering {
                body: &[],
                shut,
                heard_out,
                discarded,
                held: held.as_deref().map(reason_of),
                timer: due(at),
            })),
        };
        let socket = Socket::taken(carried.is_unix, descriptor);
        let mut conn = Conn::new(id.generation, socket, peer, carried.since, phase);
        if !carried.unsent.is_empty() {
            conn.queue.tail(&mut self.pool).extend(carried.unsent);
        }
        conn.rest = carried.rest.as_slice().into();
        // A head that waited for its answer is looked at again.
        let waits = matches!(conn.phase, Phase::Head { .. }) && !conn.rest.is_empty();
        conn.backlog = carried.backlog || waits;
        conn.readable = carried.readable;
        conn.hung_up = carried.hung_up;
        conn.urgent = carried.urgent;
        Some(conn)
    }

    /// Polls it. The kernel tells at once what came while nobody did.
    fn listen_to(&mut self, index: usize) -> std::io::Result<()> {
        let Some(conn) = self.conns.get_mut(index) else {
            return Ok(());
        };
        self.registry
            .register(&mut conn.socket, Token(index), LISTENING)?;
        let is_ending = matches!(conn.phase, Phase::Lingering(_));
        if is_ending || !conn.queue.is_empty() {
            self.mark_dirty(index);
        }
        Ok(())
    }
}

/// Whether a program could go on with it, without any descriptor.
pub(crate) fn check(
    crowd: &Crowd,
    resume: &impl Fn(&Unfinished) -> Option<Fragments>,
) -> Result<(), String> {
    let mut indexes: Vec<u32> = crowd.conns.iter().map(|conn| conn.id.index).collect();
    indexes.sort_unstable();
    if indexes.windows(2).any(|pair| pair[0] == pair[1])
        || Some(&ConnId::INDEX_END) <= indexes.last()
    {
        return Err("two connections of the snapshot have one place".into());
    }
    for conn in &crowd.conns {
        let State::Open { unfinished, .. } = &conn.state else {
            continue;
        };
        let is_known = |unfinished| resume(unfinished).is_some();
        if !unfinished.as_ref().is_none_or(is_known) {
            return Err("the snapshot has a message that is longer than there may be".into());
        }
    }
    Ok(())
}

fn carry(wheel: &Wheel<Alarm>, index: usize, conn: &Conn) -> Option<Connection> {
    let mut unsent = conn.queue.unsent().to_vec();
    let state = match &conn.phase {
        Phase::Head { number, to_tls, .. } => State::Head {
            number: *number,
            to_tls: *to_tls,
        },
        Phase::Open {
            dialect,
            number,
            fragments,
            ..
        } => State::Open {
            dialect: *dialect,
            number: *number,
            unfinished: fragments.carry(),
        },
        Phase::Lingering(end) => {
            // The next program may have another body at that place.
            unsent.extend_from_slice(end.body);
            State::Ending {
                shut: end.shut,
                heard_out: end.heard_out,
                discarded: end.discarded,
                held: end.held.map(|reason| reason.text().to_owned()),
                at: wheel.deadline(end.timer).unwrap_or(Millis::ZERO),
            }
        }
        Phase::Gone => return None,
    };
    Some(Connection {
        id: id_of(index, conn),
        is_unix: matches!(conn.socket, Socket::Unix(_)),
        peer: conn.peer,
        since: conn.since,
        state,
        unsent,
        rest: conn.rest.bytes().to_vec(),
        backlog: conn.backlog,
        readable: conn.readable,
        hung_up: conn.hung_up,
        urgent: conn.urgent,
    })
}

/// The reason with this text. One that has another text by now is an end like any other: its `bye`
/// was told before.
fn reason_of(text: &str) -> CloseReason {
    let known = CloseReason::all().find(|reason| reason.text() == text);
    known.unwrap_or(CloseReason::ClientLeft)
}

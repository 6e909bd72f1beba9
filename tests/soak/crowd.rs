//! All sockets on one poll, and what they do: seeded, so that two runs do about the same.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use fastrand::Rng;
use mio::{Events, Interest, Poll, Token};

use crate::peer::{Peer, Stage, Tally};
use crate::support::PATIENCE;
use crate::support::client::Dialect;

/// Most handshakes under way at a time, fewer than the kernel's queue of connections.
const UNDER_WAY_MAX: usize = 100;
/// How long a turn of this end waits for events.
const TURN: Duration = Duration::from_millis(10);

/// The crowd.
pub(crate) struct Crowd {
    poll: Poll,
    events: Events,
    server: SocketAddr,
    count: usize,
    /// By token; those that are gone leave their place.
    peers: Vec<Option<Peer>>,
    free: Vec<usize>,
    numbers: u32,
    tally: Tally,
    rng: Rng,
}

impl Crowd {
    /// Nobody yet; there will be so many.
    pub(crate) fn new(server: SocketAddr, count: usize) -> Self {
        Self {
            poll: Poll::new().expect("a poll"),
            events: Events::with_capacity(4096),
            server,
            count,
            peers: Vec::new(),
            free: Vec::new(),
            numbers: 0,
            tally: Tally::default(),
            rng: Rng::with_seed(9),
        }
    }

    /// What was done and seen so far.
    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// How many sockets are open.
    pub(crate) fn open(&self) -> usize {
        self.peers.iter().flatten().count()
    }

    fn count_in(&self, stages: &[Stage]) -> usize {
        let peers = self.peers.iter().flatten();
        peers.filter(|peer| stages.contains(&peer.stage)).count()
    }

    /// Opens one more: of the next dialect and generation, or for a session that goes on.
    fn connect(&mut self, session: Option<(Dialect, String)>) {
        self.numbers += 1;
        let number = self.numbers;
        // The ports of one address are not enough for the long form.
        let [_, high, middle, low] = (number % 50_000 + 256).to_be_bytes();
        let source = Ipv4Addr::new(127, 1 + high, middle, low.clamp(1, 254));
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.expect("a descriptor");
        socket.set_nonblocking(true).expect("a socket");
        socket
            .bind(&SocketAddr::V4(SocketAddrV4::new(source, 0)).into())
            .expect("all of 127.0.0.0/8 is ours");
        // It says that it is in progress.
        let _ = socket.connect(&self.server.into());
        let mut socket = mio::net::TcpStream::from_std(socket.into());
        let dialects = [Dialect::Plain, Dialect::Eio3, Dialect::Eio4];
        let dialect = session
            .as_ref()
            .map_or_else(|| dialects[number as usize % 3], |(dialect, _)| *dialect);
        let is_old = session.is_none() && number.is_multiple_of(2);
        let index = self.free.pop().unwrap_or_else(|| {
            self.peers.push(None);
            self.peers.len() - 1
        });
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut socket, Token(index), both)
            .expect("a poll");
        let old = is_old.then(|| format!("old{number}"));
        let token = session.map(|(_, token)| token);
        self.peers[index] = Some(Peer::new(socket, dialect, old, token));
    }

    /// One turn: events, then goodbyes.
    fn turn(&mut self) {
        match self.poll.poll(&mut self.events, Some(TURN)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => panic!("{error}"),
            _ => (),
        }
        for event in &self.events {
            let index = event.token().0;
            let Some(Some(peer)) = self.peers.get_mut(index) else {
                continue;
            };
            if event.is_writable() {
                peer.send();
            }
            peer.receive(&mut self.tally);
            if peer.stage == Stage::Gone {
                self.peers[index] = None;
                self.free.push(index);
            }
        }
    }

    /// Turns until something is so, or it takes far too long.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let until = Instant::now() + 3 * PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < until, "{what} does not happen");
            self.turn();
        }
    }

    /// Opens as many as there are to be.
    pub(crate) fn fill(&mut self) {
        const COMING: &[Stage] = &[Stage::Upgrading, Stage::Greeting];
        while self.open() < self.count || 0 < self.count_in(COMING) {
            let room = UNDER_WAY_MAX - self.count_in(COMING).min(UNDER_WAY_MAX);
            for _ in 0..room.min(self.count - self.open().min(self.count)) {
                self.connect(None);
            }
            self.turn();
        }
    }

    /// Games, churn and resumes for so long.
    pub(crate) fn live(&mut self, time: Duration) {
        let start = Instant::now();
        let mut done = 0;
        while start.elapsed() < time {
            // Each of them does something every two seconds, most of the time.
            let due = start.elapsed().as_millis() as usize * self.count / 2_000;
            while done < due {
                self.act();
                done += 1;
            }
            while self.open() < self.count && self.count_in(&[Stage::Upgrading]) < UNDER_WAY_MAX {
                self.connect(None);
            }
            self.turn();
        }
    }

    /// One of the crowd does something.
    fn act(&mut self) {
        let index = self.rng.usize(..self.peers.len());
        let what = self.rng.u32(0..20);
        let Some(Some(peer)) = self.peers.get_mut(index) else {
            return;
        };
        match (peer.stage, what) {
            _ if peer.is_mute => return,
            (Stage::Idle, 0..10) => {
                peer.stage = Stage::Playing;
                peer.say(r#"["join"]"#, &mut self.tally);
            }
            (Stage::Playing, 0..4) => peer.say(r#"["face",{"face":3}]"#, &mut self.tally),
            (Stage::Idle | Stage::Playing, 10..13) => {
                peer.stage = Stage::Idle;
                peer.say(r#"["leave"]"#, &mut self.tally);
            }
            (Stage::Idle | Stage::Playing, 13..16) => peer.close(),
            (Stage::Idle | Stage::Playing, 16..18) if peer.is_v2() => {
                let session = peer.token.clone().map(|token| (peer.dialect, token));
                // Either it says goodbye before it comes back, or it is taken over by itself.
                if what == 16 {
                    peer.close();
                }
                peer.is_mute = true;
                peer.send();
                return self.connect(session);
            }
            (Stage::Idle | Stage::Playing, 18) if peer.is_v2() => {
                peer.say(r#"["ping"]"#, &mut self.tally);
            }
            _ => return,
        }
        peer.send();
    }

    /// Comes to rest: everybody is connected and greeted, nobody plays, and some heartbeats pass.
    pub(crate) fn rest(&mut self) {
        self.until("rest", |crowd| {
            // Those who are taken over do not know it yet.
            let leaving = crowd.peers.iter().flatten().any(|peer| peer.is_mute);
            let stages = [Stage::Upgrading, Stage::Greeting, Stage::Closing];
            !leaving && crowd.count_in(&stages) == 0
        });
        self.fill();
        while self.count < self.open() {
            let surplus = self.open() - self.count;
            let mut peers = self.peers.iter_mut().flatten();
            for _ in 0..surplus {
                peers.next().expect("there are more").close();
            }
            self.send_all();
            self.until("goodbyes", |crowd| crowd.count_in(&[Stage::Closing]) == 0);
        }
        for peer in self.peers.iter_mut().flatten() {
            peer.say(r#"["leave"]"#, &mut self.tally);
            peer.ask();
            peer.stage = Stage::Idle;
        }
        self.send_all();
        // The answer comes when the server has read what was said before.
        self.until("heartbeats at rest", |crowd| {
            let mut peers = crowd.peers.iter().flatten();
            peers.all(|peer| peer.is_answered && 2 <= peer.heartbeats)
        });
        for peer in self.peers.iter_mut().flatten() {
            // A result of a round that it had left does not come, and a start that crossed its leave
            // is over by now.
            peer.stage = Stage::Idle;
        }
    }

    /// Everybody says goodbye.
    pub(crate) fn leave(&mut self) {
        for peer in self.peers.iter_mut().flatten() {
            peer.close();
        }
        self.send_all();
        self.until("the last goodbye", |crowd| crowd.open() == 0);
    }

    fn send_all(&mut self) {
        for peer in self.peers.iter_mut().flatten() {
            peer.send();
        }
    }
}

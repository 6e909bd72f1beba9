//! A server goes on as another one, in this process: what no client can bring about at will.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use super::bounds::ByHand;
use super::{PING, PONG, UPGRADE};
use crate::model::CloseReason;
use crate::net::handover::{self, Luggage, Taken};
use crate::net::reader::FRAMES_MAX;
use crate::net::server::Server;

impl ByHand {
    /// What the next program would be handed.
    fn taken(&self) -> Taken {
        let luggage = Luggage::default();
        let carried = self.server.carried(&luggage, false);
        let file = handover::write(&carried).expect("memory");
        let descriptors = self.server.descriptors(&file, &None, &luggage);
        let copies = descriptors
            .iter()
            .map(|descriptor| descriptor.as_fd().try_clone_to_owned());
        let copies: Result<VecDeque<OwnedFd>, _> = copies.collect();
        Taken::of(copies.expect("descriptors")).expect("all is there")
    }

    /// Another server goes on in place of this one.
    pub(super) fn reload(&mut self) {
        let (config, taken) = (self.server.config.clone(), self.taken());
        let next = Server::take_over(config, Box::new(|bytes| bytes.fill(7)), taken);
        self.server = next.unwrap_or_else(|error| panic!("{error}"));
    }

    fn upgraded(&mut self) -> TcpStream {
        let mut stream = self.connect(1).remove(0);
        stream.write_all(UPGRADE.as_bytes()).expect("taken");
        self.turn_until("the upgrade", |hand| hand.server.sockets.open_count() == 1);
        stream
    }

    fn is_sent(&self) -> bool {
        let conn = self.server.sockets.peek(0).expect("it is there");
        !conn.backlog && conn.queue.is_empty() && self.server.sockets.ready.is_empty()
    }
}

/// Reads until what came ends like this, in a thread of its own.
fn read_until(mut stream: TcpStream, end: Vec<u8>) -> JoinHandle<()> {
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).expect("a socket");
    spawn(move || {
        let (mut all, mut piece) = (Vec::new(), vec![0; 4096]);
        while !all.ends_with(&end) {
            let count = stream.read(&mut piece).expect("more in time");
            assert_ne!(count, 0, "it ends after {} bytes", all.len());
            all.extend_from_slice(&piece[..count]);
        }
    })
}

#[test]
fn frames_that_a_turn_had_no_time_for_are_read_by_the_next_program() {
    let mut hand = ByHand::start(|config| {
        config.rate_limit = 0;
        config.max_queue = 1 << 20;
    });
    let mut stream = hand.upgraded();
    stream
        .write_all(&PING.repeat(5 * FRAMES_MAX))
        .expect("taken");
    let is_backlog = |hand: &ByHand| {
        let conn = hand.server.sockets.peek(0);
        conn.is_some_and(|conn| conn.backlog)
    };
    hand.turn_until("a backlog", is_backlog);
    let reader = read_until(stream, PONG.repeat(5 * FRAMES_MAX));
    for _ in 0..3 {
        hand.reload();
        hand.turn();
    }
    hand.turn_until("all answers", ByHand::is_sent);
    reader.join().expect("all of them, and in order");
}

#[test]
fn what_waits_for_a_slow_reader_comes_after_it_and_once() {
    let mut hand = ByHand::start(|config| config.max_queue = 1 << 22);
    let stream = hand.upgraded();
    let id = hand.server.sockets.open_at(0).expect("it is open");
    let mut rng = fastrand::Rng::with_seed(7);
    let bytes: Vec<u8> = (0..3_000_000).map(|_| rng.u8(..)).collect();
    let (front, back) = bytes.split_at(bytes.len() / 2);
    hand.server.sockets.put(id, |tail| tail.extend(front));
    hand.turn_until("what the kernel takes", |hand| {
        let conn = hand.server.sockets.peek(0).expect("it is open");
        conn.queue.len() < front.len()
    });
    hand.server.sockets.put(id, |tail| tail.extend(back));
    hand.reload();
    assert!(!hand.is_sent());
    let reader = read_until(stream, bytes);
    hand.turn_until("an empty queue", ByHand::is_sent);
    reader.join().expect("every byte once, in order");
}

#[test]
fn an_end_that_has_begun_is_ended_by_the_next_program() {
    let mut hand = ByHand::start(|_| ());
    let stream = hand.upgraded();
    let id = hand.server.sockets.open_at(0).expect("it is open");
    let now = hand.server.now;
    hand.server.sockets.close_later(now, id, CloseReason::Flood);
    hand.turn();
    for _ in 0..2 {
        hand.reload();
    }
    // The close frame comes when it would have come.
    let (code, text) = (CloseReason::Flood.code(), CloseReason::Flood.text());
    let reader = read_until(stream, [&code.to_be_bytes(), text.as_bytes()].concat());
    hand.turn_until("the end", |hand| hand.server.sockets.len() == 0);
    reader.join().expect("a close frame");
}

#[test]
fn what_contradicts_itself_is_refused() {
    let mut hand = ByHand::start(|_| ());
    let _stream = hand.upgraded();
    let mut taken = hand.taken();
    taken.carried.sockets.conns[0].id.index = u32::MAX;
    let config = hand.server.config.clone();
    let next = Server::take_over(config, Box::new(|bytes| bytes.fill(7)), taken);
    let error = next.err().expect("it is refused").to_string();
    assert!(error.contains("one place"), "{error}");
    let error = Taken::of(VecDeque::new()).expect_err("nothing is there");
    assert!(error.contains("less was handed over"), "{error}");
}

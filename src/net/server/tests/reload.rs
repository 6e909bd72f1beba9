//! A server goes on as another one, in this process: what no client can bring about at will.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use super::bounds::ByHand;
use super::{PING, PONG, UPGRADE};
use crate::model::CloseReason;
use crate::net::conn::Phase;
use crate::net::handover::{self, Luggage, Taken};
use crate::net::reader::FRAMES_MAX;
use crate::net::server::Server;

impl ByHand {
    /// What the next program would be handed.
    fn taken(&self) -> Taken {
        self.hand_over(&self.written()).expect("all is there")
    }

    /// All but descriptors.
    fn written(&self) -> File {
        let luggage = Luggage::default();
        let carried = self.server.carried(&luggage, false);
        handover::write(&carried).expect("memory")
    }

    fn hand_over(&self, file: &File) -> Result<Taken, String> {
        let luggage = Luggage::default();
        let descriptors = self.server.descriptors(file, &None, &luggage);
        let copies = descriptors
            .iter()
            .map(|descriptor| descriptor.as_fd().try_clone_to_owned());
        let copies: Result<VecDeque<OwnedFd>, _> = copies.collect();
        Taken::of(copies.expect("descriptors"))
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

/// A text that is not what it was: cut, or with other bytes somewhere.
fn spoil(text: &mut Vec<u8>, rng: &mut fastrand::Rng) {
    let at = rng.usize(..text.len());
    match rng.u32(..5) {
        0 => text.truncate(at),
        1 => text[at] ^= 1 << rng.u32(..8),
        2 => drop(text.drain(at..text.len().min(at + 8))),
        _ => {
            // The next number becomes another one.
            let end = text.len();
            let is_digit = |&at: &usize| text[at].is_ascii_digit();
            if let Some(first) = (at..end).find(is_digit) {
                let last = (first..end).find(|at| !is_digit(at)).unwrap_or(end);
                let numbers = [
                    "0",
                    "1",
                    "255",
                    "4194303",
                    "4294967295",
                    "18446744073709551615",
                ];
                let number = numbers[rng.usize(..numbers.len())];
                text.splice(first..last, number.bytes());
            }
        }
    }
}

/// What the new program proves of a snapshot, it can do; and none makes it panic.
#[test]
fn a_spoilt_snapshot_is_refused_by_the_proof_or_taken() {
    let mut hand = ByHand::start(|_| ());
    let _player = hand.play();
    // One that is half read, and one that ends.
    let mut silent = hand.connect(2);
    silent[0].write_all(b"GET / HT").expect("taken");
    let closes = [UPGRADE.as_bytes(), b"\x88\x80\0\0\0\0"].concat();
    silent[1].write_all(&closes).expect("taken");
    hand.turn_until("all", |hand| {
        let ends = hand.server.sockets.peek(2);
        hand.server.sockets.len() == 3
            && ends.is_some_and(|conn| matches!(conn.phase, Phase::Lingering(_)))
    });
    let mut sound = Vec::new();
    let mut file = hand.written();
    file.rewind().expect("a file");
    file.read_to_end(&mut sound).expect("a file");
    let config = hand.server.config.clone();
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..600 {
        let mut text = sound.clone();
        spoil(&mut text, &mut rng);
        file.set_len(0).expect("a file");
        file.rewind().expect("a file");
        file.write_all(&text).expect("memory");
        let entropy = || Box::new(|bytes: &mut [u8]| bytes.fill(7));
        let proof = Server::prove(&config, entropy(), &mut file);
        let next = hand.hand_over(&file);
        let next = next.map(|next| Server::take_over(config.clone(), entropy(), next));
        match (proof, next) {
            (Ok(()), Ok(Ok(_))) => taken += 1,
            (Ok(()), Ok(Err(error))) => panic!("{round}: proved, but {error}"),
            // What was handed over beside it is counted then.
            (Ok(()), Err(_)) | (Err(_), _) => refused += 1,
        }
    }
    assert!(50 < taken && 50 < refused, "{taken} {refused}");
}

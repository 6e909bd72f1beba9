//! Connections that wait for the store, between the loop and a store that the test plays.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::UPGRADE;
use super::bounds::ByHand;
use crate::model::{StoreOp, StoreReply};
use crate::net::server::store::ANSWERS_MAX;
use crate::net::server::{Life, StoreEnd};

const TOKEN: &str = "ABCDEFGHIJKLMNOPQRSTUVWX";

pub(super) struct Scene {
    pub(super) hand: ByHand,
    pub(super) orders: Receiver<StoreOp>,
    pub(super) answers: Sender<StoreReply>,
    pub(super) wake: Box<dyn Fn()>,
}

impl Scene {
    pub(super) fn new() -> Self {
        let mut hand = ByHand::start(|_| ());
        let (orders, to_store) = channel();
        let (answers, to_loop) = channel();
        let wake = Box::new(hand.server.waker());
        hand.server.use_store(StoreEnd {
            orders,
            answers: to_loop,
            health: Arc::new(Mutex::default()),
            rests: Arc::default(),
            place: String::new(),
        });
        Self {
            hand,
            orders: to_store,
            answers,
            wake,
        }
    }

    /// Somebody who says hello with a token and more behind it, in one piece, and waits.
    fn wait(&mut self, behind: &[u8]) -> TcpStream {
        let mut stream = self.hand.connect(1).remove(0);
        let hello = format!(r#"["hello",{{"user":{{}},"v":2,"session":"{TOKEN}"}}]"#);
        let bytes = [UPGRADE.as_bytes(), &frame(&hello), behind].concat();
        stream.write_all(&bytes).expect("taken");
        self.hand
            .turn_until("a wait", |hand| hand.server.hub.waiting() == 1);
        stream
    }

    /// Another server goes on in place of this one, with the same store.
    pub(super) fn reload(&mut self) {
        let store = self.hand.server.store.take();
        self.hand.reload();
        self.hand.server.use_store(store.expect("it has one"));
        self.wake = Box::new(self.hand.server.waker());
    }

    /// Nobody has the token that was asked for.
    fn answer(&mut self) {
        let Ok(StoreOp::Take { token, owner }) = self.orders.try_recv() else {
            panic!("the store was not asked");
        };
        let stored = None;
        let reply = StoreReply::Taken {
            token,
            owner,
            stored,
        };
        self.answers.send(reply).expect("the loop is there");
        (self.wake)();
    }
}

/// A masked text frame, whose mask changes nothing.
fn frame(text: &str) -> Vec<u8> {
    let length = text.len();
    let mut bytes = match length {
        0..126 => vec![0x81, 0x80 | length as u8],
        _ => vec![0x81, 0xfe, (length >> 8) as u8, length as u8],
    };
    bytes.extend([0; 4]);
    bytes.extend(text.bytes());
    bytes
}

/// What comes until so many bytes of `needle` did.
pub(super) fn until(stream: &mut TcpStream, scene: &mut Scene, needle: &str) -> String {
    stream
        .set_read_timeout(Some(Duration::from_millis(20)))
        .expect("a timeout");
    let (mut said, mut piece) = (Vec::new(), [0; 1024]);
    for _ in 0..500 {
        if String::from_utf8_lossy(&said).contains(needle) {
            return String::from_utf8_lossy(&said).into_owned();
        }
        (scene.wake)();
        scene.hand.turn();
        if let Ok(count) = stream.read(&mut piece) {
            said.extend(&piece[..count]);
        }
    }
    panic!("no {needle} in {:?}", String::from_utf8_lossy(&said));
}

#[test]
fn what_is_said_while_the_store_is_asked_is_read_after_its_answer_and_none_of_it_is_lost() {
    for reloads in [false, true] {
        check_what_is_said_meanwhile(reloads);
    }
}

fn check_what_is_said_meanwhile(reloads: bool) {
    let mut scene = Scene::new();
    // A whole frame and the beginning of another, in the same piece; its end comes while it waits.
    let (join, ping) = (frame(r#"["join"]"#), frame(r#"["ping"]"#));
    let (front, back) = ping.split_at(9);
    let mut stream = scene.wait(&[&join, front].concat());
    stream.write_all(back).expect("taken");
    for _ in 0..5 {
        if reloads {
            scene.reload();
        }
        (scene.wake)();
        scene.hand.turn();
    }
    assert_eq!(scene.hand.server.hub.population(), (0, 0, 0));
    scene.answer();
    let said = until(&mut stream, &mut scene, "pong");
    let places = ["hi", "room", "pong"].map(|name| said.find(&format!("[\"{name}\"")));
    assert!(places.is_sorted() && places[0].is_some(), "{said}");
}

#[test]
fn who_says_too_much_while_it_waits_is_sent_away_and_a_little_less_is_kept() {
    for (more, kept) in [(4_096, true), (4_097, false)] {
        let mut scene = Scene::new();
        let ping = frame(r#"["ping"]"#);
        // Whole frames, so that only their sum is too much.
        let mut behind: Vec<u8> = ping.iter().copied().cycle().take(more).collect();
        behind.truncate(more);
        if kept {
            let mut stream = scene.wait(&behind);
            scene.answer();
            until(&mut stream, &mut scene, "pong");
            continue;
        }
        let mut stream = scene.hand.connect(1).remove(0);
        let hello = format!(r#"["hello",{{"user":{{}},"v":2,"session":"{TOKEN}"}}]"#);
        let bytes = [UPGRADE.as_bytes(), &frame(&hello), &behind].concat();
        stream.write_all(&bytes).expect("taken");
        let said = until(&mut stream, &mut scene, "too much");
        assert!(said.contains("fault"), "{said}");
        assert_eq!(scene.hand.server.hub.waiting(), 0);
    }
}

#[test]
fn one_that_is_gone_while_it_waits_is_noticed_after_the_answer() {
    let mut scene = Scene::new();
    drop(scene.wait(b""));
    scene.answer();
    scene.hand.turn_until("its end", |hand| {
        hand.server.sockets.len() == 0 && hand.server.hub.waiting() == 0
    });
}

#[test]
fn a_turn_takes_a_bounded_number_of_answers() {
    let mut scene = Scene::new();
    for _ in 0..=ANSWERS_MAX {
        let away = StoreReply::Away(false);
        scene.answers.send(away).expect("the loop is there");
    }
    (scene.wake)();
    scene.hand.turn();
    assert!(
        scene.hand.server.answers_wait,
        "the rest is for the next one"
    );
    scene.hand.turn();
    assert!(!scene.hand.server.answers_wait);
    assert_eq!(
        scene.hand.server.life,
        Life::Serving,
        "it was not asked to stop"
    );
}

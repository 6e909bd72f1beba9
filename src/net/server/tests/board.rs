//! Pages that ask who is best, between the loop and a store that the test plays: how many wait, for
//! how long, and what becomes of them when another program goes on.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::held::{Scene, until};
use crate::hub::Input;
use crate::model::{BoardRow, StoreOp, StoreReply, StoredProfile};

const ASK: &[u8] = b"GET /top.json HTTP/1.1\r\nHost: x\r\n\r\n";
/// 2027-01-18 00:00 UTC.
const MONDAY: u64 = 1_800_230_400;

impl Scene {
    fn with_board() -> Self {
        let mut scene = Self::new();
        scene.hand.server.hub.keep_board();
        scene.hand.server.feed(Input::Clock { unix_s: MONDAY });
        scene
    }

    /// So many who ask and wait.
    fn ask(&mut self, count: usize) -> Vec<TcpStream> {
        let before = self.hand.server.sockets.askers();
        let mut streams = self.hand.connect(count);
        for stream in &mut streams {
            stream.write_all(ASK).expect("taken");
        }
        self.hand.turn_until("all wait", |hand| {
            hand.server.sockets.askers() == before + count
        });
        streams
    }

    /// What the store is asked just now: each order once.
    fn orders(&self) -> Vec<StoreOp> {
        self.orders.try_iter().collect()
    }

    fn reply(&mut self, reply: StoreReply) {
        self.answers.send(reply).expect("the loop is there");
        (self.wake)();
    }

    /// Ann is best in all that was asked.
    fn tell_best(&mut self, orders: &[StoreOp]) {
        for order in orders {
            let StoreOp::Top { week } = *order else {
                panic!("{order:?} is no page's question");
            };
            let name = "Ann".into();
            let profile = StoredProfile {
                name,
                ..StoredProfile::default()
            };
            let rows = vec![BoardRow { profile, points: 7 }];
            self.reply(StoreReply::Top { week, rows });
        }
    }

    /// So much time passes.
    fn pass(&mut self, ms: u64) {
        let started = &mut self.hand.server.started;
        *started = started.checked_sub(Duration::from_millis(ms)).expect("up");
    }
}

#[test]
fn many_pages_wait_for_one_answer_also_over_a_reload() {
    let mut scene = Scene::with_board();
    let mut pages = scene.ask(40);
    let orders = scene.orders();
    assert_eq!(orders.len(), 2, "{orders:?}");
    scene.reload();
    scene.hand.server.feed(Input::Clock { unix_s: MONDAY });
    scene
        .hand
        .turn_until("they wait there", |hand| hand.server.sockets.askers() == 40);
    assert_eq!(scene.orders(), [], "it is being asked already");
    scene.tell_best(&orders);
    for page in &mut pages {
        let said = until(page, &mut scene, "\"ever\"");
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
        assert!(said.contains("Ann"), "{said}");
    }
    // Kept for a moment: nobody waits, and nobody is asked.
    let mut page = scene.hand.connect(1).remove(0);
    page.write_all(ASK).expect("taken");
    until(&mut page, &mut scene, "Ann");
    assert_eq!(scene.orders(), []);
}

#[test]
fn a_page_waits_two_seconds_for_a_store_that_says_nothing() {
    let mut scene = Scene::with_board();
    let mut pages = scene.ask(2);
    let orders = scene.orders();
    scene.pass(1_500);
    scene.reload();
    scene.hand.server.feed(Input::Clock { unix_s: MONDAY });
    scene
        .hand
        .turn_until("they wait there", |hand| hand.server.sockets.askers() == 2);
    scene.pass(500);
    for page in &mut pages {
        let said = until(page, &mut scene, "cannot be asked");
        assert!(said.starts_with("HTTP/1.1 503"), "{said}");
        assert!(said.contains("Retry-After: "), "{said}");
    }
    // The next one does not wait at all, and asks for nothing.
    let mut page = scene.hand.connect(1).remove(0);
    page.write_all(ASK).expect("taken");
    until(&mut page, &mut scene, "HTTP/1.1 503");
    assert_eq!(scene.orders(), []);
    // Its answers come after all, one long after the other: from then on it is asked as ever.
    let (week, ever) = orders.split_at(1);
    scene.tell_best(week);
    scene.hand.turn();
    scene.pass(5_000);
    scene.tell_best(ever);
    scene.hand.turn();
    let mut page = scene.ask(1).remove(0);
    let orders = scene.orders();
    scene.tell_best(&orders);
    let said = until(&mut page, &mut scene, "\"ever\"");
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
}

#[test]
fn while_the_store_is_away_a_page_is_told_so_or_what_was_known() {
    let mut scene = Scene::with_board();
    let mut waits = scene.ask(1).remove(0);
    scene.reply(StoreReply::Away(true));
    until(&mut waits, &mut scene, "HTTP/1.1 503");
    scene.reply(StoreReply::Away(false));
    let _ = scene.orders();
    let mut page = scene.ask(1).remove(0);
    let orders = scene.orders();
    scene.tell_best(&orders);
    until(&mut page, &mut scene, "Ann");
    scene.reply(StoreReply::Away(true));
    scene.hand.turn();
    scene.pass(60_000);
    let mut page = scene.hand.connect(1).remove(0);
    page.write_all(ASK).expect("taken");
    until(&mut page, &mut scene, "Ann");
    assert_eq!(scene.orders(), []);
}

/// Who asks and goes, or says more and more behind it, is remembered once at most, as long as it is
/// there.
#[test]
fn who_waits_for_the_board_is_remembered_once() {
    let mut scene = Scene::with_board();
    let mut page = scene.ask(1).remove(0);
    for _ in 0..50 {
        page.write_all(b"\n").expect("taken");
        (scene.wake)();
        scene.hand.turn();
    }
    assert_eq!(scene.hand.server.sockets.askers(), 1);
    for _ in 0..5 {
        let others = scene.ask(20);
        for other in &others {
            other.shutdown(Shutdown::Both).expect("it is there");
        }
        scene
            .hand
            .turn_until("they are gone", |hand| hand.server.sockets.askers() == 1);
    }
}

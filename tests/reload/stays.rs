//! Everybody stays.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::place::{Place, reload};
use crate::support::client::{Client, Dialect, Hi};
use crate::support::http::get;
use crate::support::process::Server;
use crate::support::raw::{Raw, frame, upgrade_request};

/// How much is tried.
struct Size {
    reloads: usize,
    /// Pairs of each kind of clients.
    pairs: usize,
    /// Of those who are in the middle of each thing.
    halves: usize,
    /// Seconds that a round lasts: all reloads, and room for a busy machine.
    round_s: u64,
}

/// The long form has some 2,000 sockets and 500 rounds, which needs an optimised build: with debug
/// assertions the hub is looked through after every message.
fn size() -> Size {
    match (std::env::var_os("LONG"), cfg!(debug_assertions)) {
        (Some(_), false) => Size {
            reloads: 10,
            pairs: 170,
            halves: 140,
            round_s: 60,
        },
        (Some(_), true) => Size {
            reloads: 10,
            pairs: 20,
            halves: 10,
            round_s: 60,
        },
        (None, _) => Size {
            reloads: 3,
            pairs: 2,
            halves: 1,
            round_s: 20,
        },
    }
}

/// Two who play.
struct Pair {
    ann: (Client, Hi),
    bob: (Client, Hi),
    /// Before the round could begin.
    asked_at: Instant,
}

impl Pair {
    fn start(server: &Server, dialects: [Dialect; 2]) -> Self {
        let [ann, bob] = dialects;
        let mut ann = Client::v2(server.address(), ann, "Ann");
        let mut bob = Client::v2(server.address(), bob, "Bob");
        let asked_at = Instant::now();
        ann.0.send(r#"["join",{}]"#);
        // It is heard before the next one is.
        ann.0.send(r#"["ping"]"#);
        ann.0.until("pong");
        bob.0.send(r#"["join",{}]"#);
        bob.0.until("start");
        ann.0.until("start");
        Self { ann, bob, asked_at }
    }

    /// Shows faces to and fro until it is told to stop; then Ann wins.
    fn play(mut self, round: Duration, stop: &AtomicBool) -> Played {
        let mut number = 0;
        while !stop.load(Ordering::Acquire) {
            number += 1;
            show(&mut self.ann, &mut self.bob, number);
            show(&mut self.bob, &mut self.ann, number);
        }
        // Paper against rock, by the numbers of the wire.
        self.ann.0.send(r#"["choice",{"choice":3}]"#);
        self.bob.0.send(r#"["choice",{"choice":1}]"#);
        let results = [&mut self.ann, &mut self.bob].map(|(client, hi)| {
            let (score, total, streak, _) = client.result_of(&hi.uid);
            (score, total, streak)
        });
        // The server counts whole milliseconds: the one in which the round began may be over nearly.
        let lasted = self.asked_at.elapsed() + Duration::from_millis(1);
        assert!(round <= lasted, "a result before its time: {lasted:?}");
        let mut sums = [results[0].1, results[1].1];
        sums.sort_unstable();
        assert_eq!(sums, [0, 1], "one of them won once: {results:?}");
        for (client, _) in [&mut self.ann, &mut self.bob] {
            client.send(r#"["ping"]"#);
            let mut events = Vec::new();
            while events.last().is_none_or(|event| event != r#"["pong"]"#) {
                events.push(client.event());
            }
            let again = events.iter().filter(|event| event.contains("\"result\""));
            assert_eq!(again.count(), 0, "a result comes once: {events:?}");
        }
        let sessions = [self.ann, self.bob].map(|(_, hi)| hi.session);
        let totals = results.map(|(_, total, _)| total);
        Played {
            sessions: sessions.into_iter().zip(totals).collect(),
            late: lasted.saturating_sub(round),
            faces: 2 * number,
        }
    }
}

/// What a pair has seen.
struct Played {
    /// The token and the points of each.
    sessions: Vec<(String, u64)>,
    /// How late the result was at most.
    late: Duration,
    faces: u64,
}

/// One shows a face, the other one sees that and nothing else.
fn show(from: &mut (Client, Hi), to: &mut (Client, Hi), number: u64) {
    from.0.send(&format!(r#"["face",{{"face":{number}}}]"#));
    let uid = &from.1.uid;
    let want = format!(r#"["movement",{{"uid":"{uid}","movement":"face","face":{number}}}]"#);
    to.0.expect(&[&want]);
}

/// Those who are in the middle of something.
struct Halves(Vec<(Raw, Vec<u8>, &'static str)>);

impl Halves {
    fn start(server: &Server, count: usize) -> Self {
        Self((0..count).flat_map(|_| Self::set(server)).collect())
    }

    /// One in the middle of each thing.
    fn set(server: &Server) -> Vec<(Raw, Vec<u8>, &'static str)> {
        let hello = r#"["hello",{"user":{"uname":"Half"},"v":2}]"#.to_owned();
        let long = format!(
            r#"["hello",{{"user":{{"uname":"Half","x":"{}"}},"v":2}}]"#,
            "é".repeat(300)
        );
        let target = Dialect::Plain.target();
        let mut halves = Vec::new();
        let head = upgrade_request(&target);
        let mut silent = Raw::connect(server.address());
        silent.send(&head[..30]);
        halves.push((
            silent,
            [&head[30..], &frame(0x81, hello.as_bytes())].concat(),
            "head",
        ));
        let whole = |text: &str| frame(0x81, text.as_bytes());
        let fragments = |text: &str| {
            let (front, back) = text.as_bytes().split_at((text.len() / 2) | 1);
            [frame(0x01, front), frame(0x80, back)].concat()
        };
        for (bytes, at, what) in [
            (whole(&hello), 3, "a header"),
            (whole(&hello), 20, "a short frame"),
            (whole(&long), 301, "a long frame"),
            (fragments(&hello), 30, "the first fragment"),
            (fragments(&long), 320, "a fragment of a character"),
            (fragments(&long), 500, "the second fragment"),
        ] {
            let mut raw = Raw::open(server.address(), &target);
            raw.send(&bytes[..at]);
            halves.push((raw, bytes[at..].to_vec(), what));
        }
        halves
    }

    fn finish(self) {
        for (mut raw, rest, what) in self.0 {
            raw.send(&rest);
            if what == "head" {
                raw.expect_upgraded();
            }
            let text = raw.text();
            assert!(
                text.starts_with(r#"["hi","#),
                "in the middle of {what}: {text}"
            );
        }
    }
}

/// Somebody who does not read while the other one shows very many faces.
fn flood(server: &Server) -> (Raw, (Client, Hi)) {
    let mut slow = Raw::connect_narrow(server.address());
    slow.upgrade(&Dialect::Plain.target());
    slow.say(r#"["hello",{"user":{"uname":"Slow"},"v":2}]"#);
    slow.text();
    slow.say(r#"["join",{}]"#);
    slow.say(r#"["ping"]"#);
    while slow.text() != r#"["pong"]"# {}
    let mut fast = Client::v2(server.address(), Dialect::Plain, "Fast");
    fast.0.send(r#"["join",{}]"#);
    fast.0.until("start");
    for number in 1..=FACES {
        fast.0.send(&format!(r#"["face",{{"face":{number}}}]"#));
    }
    fast.0.send(r#"["ping"]"#);
    fast.0.until("pong");
    (slow, fast)
}

/// More than the other end's narrow buffer takes.
const FACES: u64 = 300;

/// Reads all that waited.
fn read_flood((mut slow, fast): (Raw, (Client, Hi))) {
    for number in 1..=FACES {
        let text = loop {
            let text = slow.text();
            if text.contains("face") {
                break text;
            }
        };
        let uid = &fast.1.uid;
        let want = format!(r#"["movement",{{"uid":"{uid}","movement":"face","face":{number}}}]"#);
        assert_eq!(text, want);
    }
}

#[test]
fn nobody_notices_that_the_program_is_another_one() {
    let size = size();
    let round = Duration::from_secs(size.round_s);
    let game_time = format!("{}s", size.round_s);
    let place = Place::new();
    let store = place.store();
    let flags = [
        &[
            "--store",
            &store,
            "--game-time",
            &game_time,
            "--robot-after",
            "60s",
            "--drain-timeout",
            "2m",
        ],
        &["--rate-limit", "0", "--relay-interval", "0"][..],
        &[
            "--head-timeout",
            "5m",
            "--hello-timeout",
            "5m",
            // Who waits for a result says nothing, and the second of a pair reads after the first.
            "--ping-interval",
            "5m",
            "--ping-timeout",
            "5m",
            "--ping-timeout-v2",
            "5m",
            "--max-connections",
            "3000",
            "--max-per-address",
            "0",
            "--max-queue",
            "32k",
        ],
    ]
    .concat();
    let server = place.start(&flags);
    let halves = Halves::start(&server, size.halves);
    let full = flood(&server);
    let kinds = [
        [Dialect::Plain, Dialect::Eio4],
        [Dialect::Mini, Dialect::Plain],
        [Dialect::Eio3, Dialect::Eio4],
    ];
    let pairs: Vec<Pair> = (0..size.pairs)
        .flat_map(|_| kinds)
        .map(|dialects| Pair::start(&server, dialects))
        .collect();
    let rounds = pairs.len() + 1;
    // Of those in the middle of something one is in that of its head.
    let open = 2 * rounds + 6 * size.halves;
    let stop = AtomicBool::new(false);
    let began = Instant::now();
    let played: Vec<Played> = thread::scope(|scope| {
        let stop = &stop;
        let players: Vec<_> = pairs
            .into_iter()
            .map(|pair| scope.spawn(move || pair.play(round, stop)))
            .collect();
        let address = server.address();
        let newcomers = scope.spawn(move || {
            let mut count = 0;
            while !stop.load(Ordering::Acquire) {
                assert_eq!(get(address, "/readyz").status, 200);
                count += 1;
            }
            count
        });
        let mut descriptors = Vec::new();
        for number in 0..size.reloads {
            place.install_again();
            let exit = reload(&server, &[]);
            assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
            print!("{}", exit.stdout);
            let want = format!("{open} connections, {rounds} rounds, ");
            assert!(
                number != 0 || exit.stdout.contains(&want),
                "{}",
                exit.stdout
            );
            descriptors.push(server.descriptors());
        }
        stop.store(true, Ordering::Release);
        let lasted = began.elapsed();
        let newcomers = newcomers.join().expect("everybody who comes is answered");
        assert!(0 < newcomers);
        println!("{newcomers} came meanwhile; descriptors {descriptors:?}");
        let joined = players.into_iter().map(|player| player.join());
        let played: Vec<_> = joined
            .map(|played| played.expect("nobody noticed"))
            .collect();
        let faces: u64 = played.iter().map(|played| played.faces).sum();
        println!("{faces} faces in {lasted:?}");
        played
    });
    let latest = played.iter().map(|played| played.late).max();
    println!("results at most {:?} late", latest.unwrap_or_default());
    read_flood(full);
    halves.finish();
    let check = |server: &Server| {
        for (token, total) in played.iter().flat_map(|played| &played.sessions) {
            let (client, hi) = Client::resume(server.address(), Dialect::Plain, token);
            assert_eq!(hi.total, *total);
            client.leave();
        }
    };
    check(&server);
    server.signal("TERM");
    let exit = server.wait();
    assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
    // What was won is in the file, once.
    check(&place.start(&flags));
}

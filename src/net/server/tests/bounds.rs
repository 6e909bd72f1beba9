//! What one turn does at most, and what ends without anybody's doing: a server turned by hand.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::time::Duration;

use mio::Events;

use super::{PING, UPGRADE};
use crate::config::{Config, Listen};
use crate::hub::{Dialect, Input, Output, Timer};
use crate::model::{ConnId, StoreReply};
use crate::net::gate::{Gate, Let};
use crate::net::reader::FRAMES_MAX;
use crate::net::server::{EVENTS_MAX, Life, Server, TIMERS_MAX};
use crate::net::sockets::Alarm;
use crate::slots::Handle;
use crate::time::Millis;

/// A server that does nothing until it is told to turn.
pub(super) struct ByHand {
    pub(super) server: Server,
    events: Events,
}

impl ByHand {
    pub(super) fn start(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            listen: Listen::Tcp(([127, 0, 0, 1], 0).into()),
            ..Config::default()
        };
        change(&mut config);
        let server = Server::bind(config, 1, Box::new(|bytes| bytes.fill(7)));
        Self {
            server: server.expect("a free port"),
            events: Events::with_capacity(EVENTS_MAX),
        }
    }

    /// The kernel takes connections in before they are accepted.
    pub(super) fn connect(&self, count: usize) -> Vec<TcpStream> {
        let address = self.server.listener().local_addr().expect("an address");
        let connect = |_| {
            let stream = TcpStream::connect(address).expect("the kernel takes it");
            stream.set_nodelay(true).expect("a socket");
            stream
        };
        (0..count).map(connect).collect()
    }

    /// Somebody whose round against a robot runs.
    pub(super) fn play(&mut self) -> TcpStream {
        let mut stream = self.connect(1).remove(0);
        let join = b"\x81\x88\0\0\0\0[\"join\"]";
        stream
            .write_all(&[UPGRADE.as_bytes(), join].concat())
            .expect("taken");
        self.turn_until("a round", |hand| hand.server.hub.running_rounds() == 1);
        stream
    }

    /// Lets the server accept from another source of those who wait.
    fn accept_by(&mut self, accept: impl FnMut(&mut Gate) -> Let) {
        let server = &mut self.server;
        let (now, life) = (server.now, server.life);
        server
            .entrance
            .accept_by(now, life, &mut server.sockets, accept);
    }

    fn sockets(&self) -> usize {
        self.server.sockets.len()
    }

    pub(super) fn turn(&mut self) {
        self.server
            .turn(&mut self.events)
            .expect("the kernel polls");
    }

    #[track_caller]
    pub(super) fn turn_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        // Without work it would sleep until somebody comes; this wakes it in time to fail.
        let latest = self.server.now + 10_000;
        let wheel = &mut self.server.sockets.wheel;
        let key = wheel.arm(latest, Alarm::LastCall);
        while !is_so(self) {
            assert!(self.server.now < latest, "{what} does not happen");
            self.turn();
        }
        self.server.sockets.wheel.cancel(key);
    }
}

#[test]
fn a_turn_accepts_a_bounded_number() {
    let mut hand = ByHand::start(|_| ());
    let streams = hand.connect(200);
    let mut turns = 0;
    while hand.sockets() < streams.len() {
        let before = hand.sockets();
        hand.turn();
        turns += 1;
        assert!(
            hand.sockets() - before <= 64,
            "a crowd keeps all others out"
        );
    }
    assert!(turns <= 200 / 64 + 1, "{turns} turns");
}

#[test]
fn a_turn_takes_a_bounded_number_of_frames_and_bytes_from_one() {
    let mut hand = ByHand::start(|config| config.rate_limit = 0);
    let mut stream = hand.connect(1).remove(0);
    stream.write_all(UPGRADE.as_bytes()).expect("taken");
    hand.turn_until("the upgrade", |hand| hand.server.sockets.open_count() == 1);
    let frames = 3 * FRAMES_MAX;
    stream.write_all(&PING.repeat(frames)).expect("taken");
    let rest = |hand: &mut ByHand| {
        let conn = hand.server.sockets.at(0).expect("it is open");
        (conn.rest.len() / PING.len(), conn.backlog)
    };
    for left in [2, 1, 0] {
        hand.turn();
        assert_eq!(rest(&mut hand), (left * FRAMES_MAX, 0 < left));
    }
    // Long frames: bytes end the turn before frames do.
    let long = [b"\x89\xfd\0\0\0\0".as_slice(), &[b'x'; 125]].concat();
    stream.write_all(&long.repeat(400)).expect("taken");
    let before = hand.server.sockets.traffic.bytes_in;
    hand.turn();
    let taken = hand.server.sockets.traffic.bytes_in - before;
    assert!((1..=16 * 1024).contains(&taken), "{taken} bytes in a turn");
}

/// One long frame in many reads, a message in many fragments, more frames than a turn takes: what
/// is not understood yet is not copied again by every read and every turn.
///
/// Whatever is copied and stays goes into memory that is asked for, so what is asked for counts it.
#[test]
fn what_comes_in_many_reads_and_turns_is_copied_a_few_times() {
    const LONG: usize = 1 << 20;

    let header = |first: u8, length: usize| {
        let mut bytes = vec![first, 0xff];
        bytes.extend((length as u64).to_be_bytes());
        bytes.extend([0; 4]);
        bytes
    };
    let fragment = |first: u8| [&[first, 0xc0, 0, 0, 0, 0], [b'x'; 64].as_slice()].concat();
    let fragments = fragment(0x00).repeat(LONG / 64 - 2);
    let rows = [
        ("a frame", [header(0x81, LONG), vec![b'x'; LONG]].concat()),
        (
            "fragments",
            [fragment(0x01), fragments, fragment(0x80)].concat(),
        ),
        ("small frames", b"\x8a\x80\0\0\0\0".repeat(LONG / 6)),
    ];
    for (what, bytes) in rows {
        let mut hand = ByHand::start(|config| config.max_message = LONG);
        let mut stream = hand.connect(1).remove(0);
        stream.write_all(UPGRADE.as_bytes()).expect("taken");
        hand.turn_until("the upgrade", |hand| hand.server.sockets.open_count() == 1);
        let mut want = hand.server.sockets.traffic.bytes_in;
        let counted = allocation_counter::measure(|| {
            for piece in bytes.chunks(32 * 1024) {
                stream.write_all(piece).expect("taken");
                want += piece.len() as u64;
                hand.turn_until("the end of a piece", |hand| {
                    let sockets = &hand.server.sockets;
                    sockets.traffic.bytes_in == want && sockets.ready.is_empty()
                });
            }
        });
        let long = bytes.len() as u64;
        assert!(counted.bytes_total < 3 * long, "{what}: {counted:?}");
        // A vector that grows is there twice for a moment.
        assert!(counted.bytes_max < 2 * LONG as u64, "{what}: {counted:?}");
    }
}

#[test]
fn a_turn_takes_a_bounded_number_of_events() {
    let count = 1_100;
    rlimit::increase_nofile_limit(4_096).expect("descriptors");
    let mut hand = ByHand::start(|_| ());
    let mut streams = hand.connect(count);
    hand.turn_until("the last one's accept", |hand| hand.sockets() == count);
    for stream in &mut streams {
        stream.write_all(b"G").expect("taken");
    }
    hand.turn();
    let heard = hand.server.sockets.traffic.bytes_in;
    assert!((1..=1_024).contains(&heard), "{heard} at once");
    hand.turn_until("the last one's turn", |hand| {
        hand.server.sockets.traffic.bytes_in == count as u64
    });
}

#[test]
fn a_turn_fires_a_bounded_number_of_timers() {
    let mut hand = ByHand::start(|_| ());
    let wheel = &mut hand.server.sockets.wheel;
    for _ in 0..25_000 {
        wheel.arm(Millis::ZERO, Alarm::LastCall);
    }
    let fired = [(); 3].map(|()| hand.server.fire_timers());
    assert_eq!(fired, [10_000, 10_000, 5_000]);
    assert_eq!(fired[0], TIMERS_MAX);
}

#[test]
fn a_turn_dismisses_a_bounded_number() {
    let count = 600;
    rlimit::increase_nofile_limit(2_048).expect("descriptors");
    let mut hand = ByHand::start(|_| ());
    let _streams = hand.connect(count);
    hand.turn_until("the last one's accept", |hand| hand.sockets() == count);
    hand.server.on_stop("asked");
    hand.server.drain();
    let Life::Dismissing { next } = hand.server.life else {
        panic!("{:?} after one turn", hand.server.life);
    };
    assert!((1..=512).contains(&next), "{next} in one turn");
}

#[test]
fn whoever_does_not_close_is_closed() {
    let mut hand = ByHand::start(|config| config.linger_ms = 50);
    let mut stream = hand.connect(1).remove(0);
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: e\r\n\r\n")
        .expect("taken");
    hand.turn_until("the answer", |hand| {
        hand.server.sockets.traffic.bytes_out != 0
    });
    // It has its answer and its end, and does not go.
    let mut answer = Vec::new();
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).expect("a socket");
    stream.read_to_end(&mut answer).expect("a clean end");
    hand.turn_until("its end", |hand| hand.sockets() == 0);
}

#[test]
fn errors_of_accept_never_spin_and_never_end_it() {
    let error = |number: i32| io::Error::from_raw_os_error(number);
    let (permission, aborted, files) = (1, 103, 24);
    let mut hand = ByHand::start(|_| ());
    let pauses = |hand: &ByHand| hand.server.sockets.traffic.accept_pauses;
    // A few who are gone, then somebody who is not: nobody waits for that.
    let streams = hand.connect(2);
    let mut faults = 5;
    hand.turn();
    assert_eq!(hand.sockets(), 2);
    drop(streams);
    hand.turn_until("their end", |hand| hand.sockets() == 0);
    let mut streams = hand.connect(1);
    hand.server.entrance.gate.note();
    hand.accept_by(|gate| match faults {
        0 => gate.accept(),
        _ => {
            faults -= 1;
            Let::Next(error(aborted))
        }
    });
    assert_eq!((hand.sockets(), pauses(&hand)), (1, 0));
    // One that is always said: a bounded number of tries, then a pause that ends by itself.
    for (number, tries_max) in [(permission, 64), (aborted, 64), (files, 1)] {
        let before = pauses(&hand);
        let mut tries = 0;
        hand.server.entrance.gate.note();
        hand.accept_by(|_| {
            tries += 1;
            match number {
                24 => Let::Pause(error(number)),
                _ => Let::Next(error(number)),
            }
        });
        assert_eq!((tries, pauses(&hand)), (tries_max, before + 1), "{number}");
        // Somebody comes meanwhile, and is let in when the pause is over.
        let count = hand.sockets();
        streams.extend(hand.connect(1));
        hand.turn_until("the end of the pause", |hand| count < hand.sockets());
    }
}

#[test]
fn a_timer_takes_the_place_of_the_one_before_and_goes_with_its_room() {
    let mut hand = ByHand::start(|_| ());
    let sockets = &mut hand.server.sockets;
    let handle = |generation| Handle {
        index: 3,
        generation: NonZeroU32::new(generation).expect("from 1"),
    };
    let room = |generation| Timer::of_room(handle(generation));
    let player = |generation| Timer::of_player(handle(generation));
    let before = sockets.wheel.len();
    for round in 1..100 {
        for timer in [room(round), player(round)] {
            let at = Millis(1_000_000 - u64::from(round));
            sockets.carry_out(Millis::ZERO, Output::Arm { at, timer });
        }
        assert_eq!(sockets.wheel.len(), before + 2);
    }
    for timer in [room(99), player(99), room(99)] {
        sockets.carry_out(Millis::ZERO, Output::Disarm { timer });
    }
    assert_eq!(sockets.wheel.len(), before);
}

#[test]
fn a_timer_that_fired_is_nobody_s_any_more() {
    let mut hand = ByHand::start(|_| ());
    let room = Timer::of_room(Handle {
        index: 3,
        generation: NonZeroU32::MIN,
    });
    let sockets = &mut hand.server.sockets;
    let at = Millis(1);
    sockets.carry_out(Millis::ZERO, Output::Arm { at, timer: room });
    assert!(sockets.is_armed(room));
    hand.server.now = at;
    assert_eq!(hand.server.fire_timers(), 1);
    assert!(!hand.server.sockets.is_armed(room));
}

/// After a restart all that nobody came back for end together.
#[test]
fn a_turn_ends_a_bounded_number_of_sessions() {
    const MOST: usize = 1_000;
    let count = 2 * MOST + 1;
    let mut hand = ByHand::start(|_| ());
    let server = &mut hand.server;
    server.hub.use_store();
    let reply = &StoreReply::Away(true);
    let input = Input::Stored { reply };
    super::super::feed(&mut server.hub, Millis::ZERO, input, &mut server.sockets);
    for index in 0..count {
        let conn = ConnId {
            index: index as u32,
            generation: 1,
        };
        let (dialect, from) = (Dialect::Plain, None);
        // While the store is away its token is its own.
        let text = format!(r#"["hello",{{"user":{{}},"v":2,"session":"{index:024}"}}]"#);
        let text = text.as_str();
        for input in [
            Input::Opened {
                conn,
                dialect,
                from,
            },
            Input::Text { conn, text },
            Input::Closed { conn },
        ] {
            super::super::feed(&mut server.hub, Millis::ZERO, input, &mut server.sockets);
        }
    }
    server.now = Millis(server.config.session_ttl_ms);
    for left in [count - MOST, 1, 0, 0] {
        hand.server.fire_timers();
        assert_eq!(hand.server.hub.population().2, left);
        let server = &mut hand.server;
        server.now = server.now + 1;
    }
}

#[test]
fn a_burst_of_heartbeats_is_written_in_parts() {
    let count = 1_300;
    rlimit::increase_nofile_limit(4_096).expect("descriptors");
    let mut hand = ByHand::start(|_| ());
    let mut streams = hand.connect(count);
    for stream in &mut streams {
        stream.write_all(UPGRADE.as_bytes()).expect("taken");
    }
    hand.turn_until("the last one's upgrade", |hand| {
        hand.server.sockets.open_count() == count
    });
    let sent = |hand: &ByHand| hand.server.sockets.traffic.bytes_out;
    let before = sent(&hand);
    // The process stood still for a heartbeat's interval: everybody is to be pinged.
    hand.server.now = hand.server.now + 26_000;
    hand.server.fire_timers();
    // Two bytes each; the rest of them wait for the end of the turn.
    let pings = (sent(&hand) - before) / 2;
    assert!((1_024..count as u64).contains(&pings), "{pings} pings");
    hand.server.write();
    assert_eq!((sent(&hand) - before) / 2, count as u64);
}

/// No flags allow for such a round; should one ever hang, it does not hold the end up.
#[test]
fn a_round_that_outlasts_a_drain_is_cut_short_in_time_for_goodbyes() {
    let mut hand = ByHand::start(|config| {
        config.game_time_ms = 600_000;
        config.robot_after_ms = 0;
        config.drain_timeout_ms = 4_000;
        config.linger_ms = 500;
    });
    let mut stream = hand.play();
    hand.server.on_stop("asked");
    hand.turn_until("the last goodbye", |hand| hand.server.life == Life::Leaving);
    assert_eq!(hand.server.hub.running_rounds(), 1);
    // It is told so while there is still time to say it.
    hand.server.write();
    let mut heard = vec![0; 4_096];
    let count = stream
        .read(&mut heard)
        .expect("the upgrade, a start, a goodbye");
    let close = [0x88_u8, 21, 0x03, 0xf4];
    assert!(
        heard[..count].windows(4).any(|four| four == close),
        "{count} bytes"
    );
}

#[test]
fn a_round_of_the_whole_time_ends_with_its_result_before_a_drain_is_over() {
    let mut hand = ByHand::start(|config| {
        config.game_time_ms = 1_000;
        config.robot_after_ms = 0;
        config.linger_ms = 500;
        // The least that the flags allow.
        config.drain_timeout_ms = 1_500;
    });
    let mut stream = hand.play();
    hand.server.on_stop("asked");
    hand.turn_until("the last goodbye", |hand| hand.server.life == Life::Leaving);
    hand.server.write();
    let mut heard = vec![0; 4_096];
    let count = stream.read(&mut heard).expect("all that was said");
    let heard = String::from_utf8_lossy(&heard[..count]);
    assert!(heard.contains(r#"["result","#), "{heard}");
}

/// Supervisors send two signals at once; who means "now" sends another one later.
#[test]
fn requests_to_stop_within_a_second_are_one_and_a_later_one_ends_it() {
    let mut hand = ByHand::start(|_| ());
    let _player = hand.play();
    hand.server.on_stop("SIGTERM");
    let first = hand.server.now;
    for (after_ms, want) in [
        (0, Life::Draining),
        (1, Life::Draining),
        (999, Life::Draining),
        (1_000, Life::Over),
    ] {
        hand.server.now = first + after_ms;
        hand.server.on_stop("SIGINT");
        assert_eq!(hand.server.life, want, "after {after_ms} ms");
    }
}

/// Newcomers are refused, and others come all the time; some stay, one has not asked yet. All of
/// them together are waited for once.
#[test]
fn newcomers_do_not_hold_a_drain_up() {
    let mut hand = ByHand::start(|config| {
        config.drain_timeout_ms = 3_600_000;
        config.linger_ms = 3_600_000;
        config.head_timeout_ms = 3_600_000;
    });
    let address = hand.server.listener().local_addr().expect("an address");
    let guest = hand.connect(1).remove(0);
    (&guest).write_all(UPGRADE.as_bytes()).expect("taken");
    let mut slow = hand.connect(1).remove(0);
    slow.write_all(b"GET / HT").expect("taken");
    hand.turn_until("both", |hand| {
        hand.server.sockets.open_count() == 1 && hand.sockets() == 2
    });
    hand.server.on_stop("asked");
    hand.turn_until("the last goodbye", |hand| hand.server.life == Life::Leaving);
    let mut crowd = std::collections::VecDeque::new();
    let mut come = || {
        let Ok(mut stream) = TcpStream::connect(address) else {
            return;
        };
        // Whoever it is that does not let it in any more, it does so without a word.
        let _ = stream.write_all(UPGRADE.as_bytes());
        crowd.push_back(stream);
        if 50 < crowd.len() {
            crowd.pop_front();
        }
    };
    for _ in 0..100 {
        come();
        hand.turn();
        assert_eq!(hand.server.life, Life::Leaving, "the guest is still here");
    }
    drop(guest);
    // Behind a door that is shut nobody would wake it any more; this does, in time to fail.
    let latest = hand.server.now + 30_000;
    let wheel = &mut hand.server.sockets.wheel;
    wheel.arm(latest, Alarm::LastCall);
    while hand.server.life != Life::Over {
        assert!(hand.server.now < latest, "they hold it up");
        come();
        hand.turn();
    }
    assert!(0 < hand.sockets(), "it was they who were not waited for");
}

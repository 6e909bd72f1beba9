//! The parts one by one, without a socket: time and allocations of each step of a message's way.
//!
//! `cargo bench --bench micro` prints a table. `-- --check` measures no time and only holds the
//! rule that a relayed message allocates nothing; so does every ordinary run. Times are
//! the best of short samples, which says most about the code where the machine does other things.

use std::collections::VecDeque;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use roshambo::config::{Command, Config};
use roshambo::hub::{Dialect, Hub, HubSnapshot, Input, Output, Timer};
use roshambo::model::{
    ConnId, Event, Face, Movement, Origin, StoreOp, StoreReply, Stored, StoredProfile, Uid,
};
use roshambo::net::frames::{Decoder, Fragments};
use roshambo::net::server::Server;
use roshambo::session::Session;
use roshambo::time::Millis;
use roshambo::wheel::Wheel;
use roshambo::wire::{self, Inbound, event};

const SAMPLES: usize = 40;
const SAMPLE: Duration = Duration::from_millis(5);

/// What is looked at, and how.
struct Bench {
    /// Only part of a name, as `cargo bench -- NAME` gives it.
    filter: Option<String>,
    check: bool,
    failed: bool,
}

impl Bench {
    /// Whether a step is not asked for.
    fn skips(&self, name: &str) -> bool {
        let filter = self.filter.as_ref();
        filter.is_some_and(|part| !name.contains(part))
    }

    /// Measures one step; `allocations_max` per step is a rule where it is given.
    fn step(&mut self, name: &str, allocations_max: Option<u64>, mut step: impl FnMut()) {
        const COUNTED: u64 = 1_000;

        if self.skips(name) {
            return;
        }
        // What grows to its size once is grown after this.
        (0..COUNTED).for_each(|_| step());
        let counted = allocation_counter::measure(|| (0..COUNTED).for_each(|_| step()));
        let allocations = counted.count_total as f64 / COUNTED as f64;
        let time = if self.check {
            String::new()
        } else {
            format!("{:>9.1} ns", nanoseconds(&mut step))
        };
        println!("{name:<44} {time:>12}  {allocations:>7.3} allocations");
        if allocations_max.is_some_and(|max| max * COUNTED < counted.count_total) {
            println!("  FAILED: more than it may allocate");
            self.failed = true;
        }
    }
}

impl Bench {
    /// The whole server, sockets and frames included; its time is the loopback bench's matter.
    fn server(&mut self) {
        // Both runs do the same but for the faces.
        let (few, many) = (server_allocations(1_000), server_allocations(3_000));
        let each = many.saturating_sub(few) as f64 / 2_000.0;
        let name = "server: relay a face, plain";
        println!("{name:<44} {:>12}  {each:>7.3} allocations", "");
        // A list that grows late in one of the runs is not a matter of messages.
        if 0.01 < each {
            println!("  FAILED: more than it may allocate");
            self.failed = true;
        }
    }
}

/// The best of some samples.
fn nanoseconds(step: &mut impl FnMut()) -> f64 {
    let mut batch = 1_u32;
    let (mut taken, mut best) = (0, f64::INFINITY);
    while taken < SAMPLES {
        let begun = Instant::now();
        (0..batch).for_each(|_| step());
        let elapsed = begun.elapsed();
        if elapsed < SAMPLE / 2 {
            batch *= 2;
        } else {
            taken += 1;
            best = best.min(elapsed.as_nanos() as f64 / f64::from(batch));
        }
    }
    best
}

fn config(flags: &[&str]) -> Config {
    match Config::load(flags.iter().map(Into::into), |_| None) {
        Ok(Command::Run(config)) => *config,
        other => panic!("the flags are wrong: {other:?}"),
    }
}

fn unlimited() -> Config {
    config(&[
        "--rate-limit",
        "0",
        "--relay-interval",
        "0",
        "--game-time",
        "60s",
        "--drain-timeout",
        "70s",
    ])
}

/// A hub with a loop around it that throws away what is sent.
struct Table {
    hub: Hub,
    timers: VecDeque<Timer>,
    sent: usize,
}

impl Table {
    fn new() -> Self {
        Self::with(&unlimited())
    }

    fn with(config: &Config) -> Self {
        let mut rng = fastrand::Rng::with_seed(1);
        let entropy = Box::new(move |bytes: &mut [u8]| rng.fill(bytes));
        Self {
            hub: Hub::new(config, 1, entropy),
            timers: VecDeque::with_capacity(1024),
            sent: 0,
        }
    }

    fn tell(&mut self, now: u64, input: Input<'_>) {
        self.hub.handle(Millis(now), input);
        while let Some(output) = self.hub.pop_output() {
            match output {
                Output::Send { text, .. } => self.sent += black_box(text).len(),
                Output::Arm { timer, .. } => {
                    // Only the latest are wanted: they are the ones of the round to come.
                    self.timers.truncate(8);
                    self.timers.push_front(timer);
                }
                Output::Ping { .. }
                | Output::Pong { .. }
                | Output::Close { .. }
                | Output::Store(_)
                | Output::Hold { .. }
                | Output::Resume { .. }
                | Output::Disarm { .. } => (),
            }
        }
    }

    /// Somebody of the store's, who has so many points and is gone again.
    fn seat_of_the_store(&mut self, number: u32, total: u32) {
        let conn = conn(1, number + 1);
        let (dialect, from) = (Dialect::Plain, None);
        self.tell(
            0,
            Input::Opened {
                conn,
                dialect,
                from,
            },
        );
        let token = format!("{number:024}");
        let text = format!(r#"["hello",{{"user":{{}},"v":2,"session":"{token}"}}]"#);
        self.hub
            .handle(Millis(0), Input::Text { conn, text: &text });
        let mut owner = None;
        while let Some(output) = self.hub.pop_output() {
            if let Output::Store(op) = output
                && let StoreOp::Take { owner: asked, .. } = *op
            {
                owner = Some(asked);
            }
        }
        let profile = StoredProfile {
            uid: format!("p-{number}"),
            ..StoredProfile::default()
        };
        let stored = (total != 0).then(|| {
            Box::new(Stored {
                profile,
                total,
                streak: 0,
                person: None,
            })
        });
        let reply = StoreReply::Taken {
            token,
            owner: owner.expect("it asks"),
            stored,
        };
        self.tell(0, Input::Stored { reply: &reply });
        self.tell(0, Input::Closed { conn });
    }

    fn say(&mut self, now: u64, index: u32, text: &str) {
        let conn = conn(index, 1);
        self.tell(now, Input::Text { conn, text });
    }
}

fn conn(index: u32, generation: u32) -> ConnId {
    ConnId { index, generation }
}

fn texts(dialect: Dialect, event: &str) -> String {
    format!("{}{event}", dialect.event_prefix())
}

/// Two players in a round; `beside` others who only said hello.
fn pair(dialect: Dialect, beside: u32) -> Table {
    let mut table = Table::new();
    for index in 0..2 + beside {
        let conn = conn(index, 1);
        table.tell(
            0,
            Input::Opened {
                conn,
                dialect,
                from: None,
            },
        );
        if dialect == Dialect::Eio4 {
            table.say(0, index, "40");
        }
        let hello = format!(
            "[\"hello\",{{\"user\":{{\"uid\":\"player-{index}\",\"uname\":\"A name\",\"uavatar\":\"\"}}}}]"
        );
        table.say(0, index, &texts(dialect, &hello));
    }
    for index in 0..2 {
        table.say(0, index, &texts(dialect, "[\"join\"]"));
    }
    table
}

fn wire_steps(bench: &mut Bench) {
    let rows = [
        ("face", "[\"face\",{\"face\":4}]", Some(0)),
        ("choice", "[\"choice\",{\"choice\":2}]", Some(0)),
        (
            "choice as Python writes it",
            "[\"choice\", {\"choice\": 2}]",
            Some(0),
        ),
        (
            "choice as Lua writes it",
            "[\"choice\",{\"choice\":2.0}]",
            Some(0),
        ),
        ("join", "[\"join\"]", Some(0)),
        (
            "hello",
            "[\"hello\",{\"user\":{\"uid\":\"ann\",\"uname\":\"Ann\",\"uavatar\":\"https://example.com/a.png\"}}]",
            None,
        ),
    ];
    for (name, text, most) in rows {
        for dialect in [Dialect::Plain, Dialect::Eio3, Dialect::Eio4] {
            let text = texts(dialect, text);
            bench.step(&format!("wire: decode {name}, {dialect}"), most, || {
                let inbound = wire::decode(dialect, black_box(&text));
                if let Ok(Inbound::Event { body, .. }) = inbound {
                    let _ = black_box(event::decode(body, false));
                }
            });
        }
    }
    let movement = Event::Movement {
        uid: Uid::new("player-1").expect("a sound uid"),
        movement: Movement::Face(Face(4)),
    };
    let audience = event::Audience {
        v2: false,
        board: false,
        instance: None,
        person: None,
        public_url: None,
    };
    let mut out = String::new();
    bench.step("wire: encode movement", Some(0), || {
        out.clear();
        event::encode(black_box(&movement), audience, &mut out);
        black_box(&out);
    });
}

/// A masked frame; the mask is zero, so that reading it in place leaves it as it is.
fn frame(first: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..126 => bytes.push(0x80 | length as u8),
        _ => bytes.extend([0xfe, (length >> 8) as u8, length as u8]),
    }
    bytes.extend([0; 4]);
    bytes.resize(bytes.len() + length, b'x');
    bytes
}

fn frame_steps(bench: &mut Bench) {
    let fragments = |length: usize, count: usize| {
        let parts = [
            frame(0x01, length),
            frame(0x00, length).repeat(count - 2),
            frame(0x80, length),
        ];
        parts.concat()
    };
    let rows = [
        ("a text of 20 bytes", frame(0x81, 20), Some(0)),
        ("20 texts of 20 bytes", frame(0x81, 20).repeat(20), Some(0)),
        ("a text of 1 KiB", frame(0x81, 1_024), None),
        ("a ping of 4 bytes", frame(0x89, 4), None),
        ("a text in 4 fragments of 1 KiB", fragments(1_024, 4), None),
        (
            "a text in 64 fragments of 16 bytes",
            fragments(16, 64),
            None,
        ),
    ];
    for (name, mut bytes, most) in rows {
        let mut decoder = Decoder::new(4_096);
        let mut own = Fragments::default();
        bench.step(&format!("frames: {name}"), most, || {
            let mut input = bytes.as_mut_slice();
            while !input.is_empty() {
                black_box(decoder.next(black_box(&mut input), &mut own));
            }
        });
    }
}

fn wheel_steps(bench: &mut Bench) {
    for armed in [0_u64, 100_000] {
        let mut wheel = Wheel::new();
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..armed {
            wheel.arm(Millis(100_000_000 + rng.u64(0..100_000)), 0_u64);
        }
        bench.step(
            &format!("wheel: arm, cancel beside {armed}"),
            Some(0),
            || {
                let key = wheel.arm(Millis(25_000), 1);
                black_box(wheel.cancel(key));
            },
        );
        let mut now = 0;
        bench.step(
            &format!("wheel: arm, fire 3 s later beside {armed}"),
            Some(0),
            || {
                now += 10;
                wheel.arm(Millis(now + 3_000), now);
                while let Some(due) = wheel.pop_due(Millis(now)) {
                    black_box(due);
                }
                black_box(wheel.next_wakeup());
            },
        );
    }
}

fn hub_steps(bench: &mut Bench) {
    for dialect in [Dialect::Plain, Dialect::Eio3, Dialect::Eio4] {
        for beside in [0, 10_000] {
            let mut table = pair(dialect, beside);
            let face = texts(dialect, "[\"face\",{\"face\":4}]");
            let before = table.sent;
            let name = format!("hub: relay a face, {dialect}, {beside} beside");
            bench.step(&name, Some(0), || table.say(1, 0, &face));
            assert!(
                bench.skips(&name) || before != table.sent,
                "nothing was relayed"
            );
        }
    }
    let mut table = pair(Dialect::Eio3, 0);
    bench.step("hub: relay a choice, eio3", Some(0), || {
        table.say(1, 0, "42[\"choice\",{\"choice\":1}]");
    });
    bench.step("hub: heartbeat packet, eio3", Some(0), || {
        table.say(1, 0, "2")
    });
    let mut generation = 1;
    bench.step("hub: open, hello, closed, eio3", None, || {
        generation += 1;
        let conn = conn(2, generation);
        let dialect = Dialect::Eio3;
        table.tell(
            1,
            Input::Opened {
                conn,
                dialect,
                from: None,
            },
        );
        let text = "42[\"hello\",{\"user\":{\"uid\":\"ann\",\"uname\":\"Ann\",\"uavatar\":\"\"}}]";
        table.tell(1, Input::Text { conn, text });
        table.tell(1, Input::Closed { conn });
    });
    let mut table = pair(Dialect::Plain, 0);
    let mut now = 0;
    let name = "hub: a round: 2 choices, result, 2 joins, start";
    bench.step(name, None, || {
        for index in 0..2 {
            table.say(now, index, "[\"choice\",{\"choice\":1}]");
        }
        // The round's own timer, and then the one that lets a draw of old clients begin again.
        for pause in [60_000, 1_500] {
            now += pause;
            for timer in std::mem::take(&mut table.timers) {
                table.tell(now, Input::Due { timer });
            }
            for index in 0..2 {
                table.say(now, index, "[\"join\"]");
            }
        }
    });
    let rounds = table.hub.tally().human_rounds;
    assert!(bench.skips(name) || rounds != 1, "no second round began");
}

/// A newcomer, each from an address of its own, where there are as many sessions as there may be.
fn newcomer_steps(bench: &mut Bench) {
    for (count, total) in [(1_000, 0), (100_000, 0), (1_000, 1), (100_000, 1)] {
        let points = if total == 0 { "without" } else { "with" };
        let name = format!("hub: a v2 newcomer and its end beside {count} {points} points");
        if bench.skips(&name) {
            continue;
        }
        let most = count.to_string();
        let config = config(&["--max-sessions", &most, "--max-connections", "100"]);
        let mut table = Table::with(&config);
        table.hub.use_store();
        for number in 0..count {
            table.seat_of_the_store(number as u32, total);
        }
        assert_eq!(table.hub.population().2, count);
        let mut generation = 0;
        bench.step(&name, None, || {
            generation += 1;
            let conn = conn(0, generation);
            let opened = Input::Opened {
                conn,
                dialect: Dialect::Plain,
                from: Some(Origin::from_bits(generation.into())),
            };
            table.tell(1, opened);
            let text = r#"["hello",{"user":{"uname":"Ann"},"v":2}]"#;
            table.tell(1, Input::Text { conn, text });
            table.tell(1, Input::Closed { conn });
        });
    }
}

/// Sends an upgrade and events by hand, and reads until so many of `needle` came.
struct Console {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Console {
    fn open(address: SocketAddr, uid: &str) -> Self {
        let mut stream = TcpStream::connect(address).expect("a server");
        stream.set_nodelay(true).expect("an option");
        write!(
            stream,
            "GET /applet/websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .expect("room for a head");
        let mut console = Self {
            stream,
            unread: Vec::new(),
        };
        let hello = format!("[\"hello\",{{\"user\":{{\"uid\":\"{uid}\"}}}}]");
        console.say(&hello);
        console.wait("[\"hi\"", 1);
        console.say("[\"join\"]");
        console
    }

    /// A short text frame; the mask is not random, which the server cannot know.
    fn say(&mut self, text: &str) {
        let mask = [1, 2, 3, 4];
        let mut frame = vec![0x81, 0x80 | text.len() as u8];
        frame.extend(mask);
        let masked = text.bytes().zip(mask.iter().cycle());
        frame.extend(masked.map(|(byte, mask)| byte ^ mask));
        self.stream.write_all(&frame).expect("room for a frame");
    }

    fn wait(&mut self, needle: &str, count: usize) {
        let mut seen = 0;
        loop {
            while let Some(at) = find(&self.unread, needle.as_bytes()) {
                self.unread.drain(..at + needle.len());
                seen += 1;
            }
            if count <= seen {
                return;
            }
            let mut piece = [0; 4096];
            let got = self.stream.read(&mut piece).expect("bytes");
            assert_ne!(got, 0, "the server closed");
            self.unread.extend_from_slice(&piece[..got]);
        }
    }
}

/// So many v2 players in their second round, all of them with a result behind them.
fn crowd(config: &Config, players: u32) -> Hub {
    let mut hub = Table::with(config).hub;
    let mut timers = Vec::new();
    let mut tell = |hub: &mut Hub, now: u64, input: Input<'_>| {
        hub.handle(Millis(now), input);
        while let Some(output) = hub.pop_output() {
            if let Output::Arm { at, timer } = output {
                timers.push((at, timer));
            }
        }
        std::mem::take(&mut timers)
    };
    let mut armed = Vec::new();
    for index in 0..players {
        let (conn, dialect, from) = (conn(index, 1), Dialect::Plain, None);
        let opened = Input::Opened {
            conn,
            dialect,
            from,
        };
        tell(&mut hub, 0, opened);
        let text = format!(r#"["hello",{{"user":{{"uname":"Player {index}"}},"v":2}}]"#);
        tell(&mut hub, 0, Input::Text { conn, text: &text });
        let text = r#"["join"]"#;
        armed.extend(tell(&mut hub, 0, Input::Text { conn, text }));
    }
    let game_time = Millis(config.game_time_ms);
    for (_, timer) in armed.into_iter().filter(|&(at, _)| at <= game_time) {
        tell(&mut hub, game_time.0, Input::Due { timer });
    }
    for index in 0..players {
        let (conn, text) = (conn(index, 1), r#"["join"]"#);
        tell(&mut hub, game_time.0 + 1, Input::Text { conn, text });
        let text = r#"["choice",{"choice":1}]"#;
        tell(&mut hub, game_time.0 + 2, Input::Text { conn, text });
    }
    hub
}

/// What a reload costs before and after the exec, the sockets left out.
fn reload_steps(bench: &Bench) {
    const PLAYERS: u32 = 18_000;
    const TRIES: u32 = 5;

    let name = "hub: reload, 18,000 in a round";
    if bench.check || bench.skips(name) {
        return;
    }
    let config = unlimited();
    let mut hub = crowd(&config, PLAYERS);
    let now = Millis(config.game_time_ms + 1_000);
    let (mut out_s, mut read_s, mut in_s, mut bytes) =
        (f64::INFINITY, f64::INFINITY, f64::INFINITY, 0);
    for _ in 0..TRIES {
        let begun = Instant::now();
        let text = serde_json::to_vec(&hub.export(now)).expect("JSON");
        out_s = begun.elapsed().as_secs_f64().min(out_s);
        bytes = text.len();
        let begun = Instant::now();
        let text = String::from_utf8(text).expect("JSON is text");
        let snapshot: HubSnapshot<'_> = serde_json::from_str(&text).expect("a snapshot");
        read_s = begun.elapsed().as_secs_f64().min(read_s);
        let begun = Instant::now();
        let entropy = Box::new(|bytes: &mut [u8]| bytes.fill(7));
        hub = Hub::import(&config, snapshot, entropy).expect("a sound snapshot");
        while let Some(output) = hub.pop_output() {
            black_box(output);
        }
        in_s = begun.elapsed().as_secs_f64().min(in_s);
    }
    let rounds = hub.running_rounds();
    println!(
        "{name}: out {:.1} ms, read {:.1} ms, in {:.1} ms, {bytes} bytes, {rounds} rounds",
        out_s * 1e3,
        read_s * 1e3,
        in_s * 1e3,
    );
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

/// What the whole server allocates while it relays so many faces, one after the other.
fn server_allocations(faces: usize) -> u64 {
    let (tell, told) = std::sync::mpsc::channel();
    // Counted is what the thread allocates that measures: the server's own.
    let thread = std::thread::spawn(move || {
        let mut config = unlimited();
        config.listen = roshambo::config::Listen::Tcp(([127, 0, 0, 1], 0).into());
        let entropy = Box::new(|bytes: &mut [u8]| bytes.fill(7));
        let mut server = Server::bind(config, 1, entropy).expect("a free port");
        let listener = server.listener().to_string();
        tell.send((listener, server.stopper()))
            .expect("somebody waits");
        let counted = allocation_counter::measure(|| {
            server.run().expect("a poll");
        });
        counted.count_total
    });
    let (listener, stopper) = told.recv().expect("a server");
    // It says "listening on ADDRESS, open …".
    let address = listener
        .split([' ', ','])
        .find_map(|word| word.parse().ok());
    let address: SocketAddr = address.expect("an address");
    let mut ann = Console::open(address, "ann");
    let mut bob = Console::open(address, "bob");
    for console in [&mut ann, &mut bob] {
        console.wait("[\"start\"", 1);
    }
    for _ in 0..faces {
        ann.say("[\"face\",{\"face\":4}]");
        bob.wait("\"face\":4}]", 1);
    }
    stopper.stop();
    drop((ann, bob));
    thread.join().expect("the server ended")
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut bench = Bench {
        filter: args.iter().find(|arg| !arg.starts_with("--")).cloned(),
        check: args.iter().any(|arg| arg == "--check"),
        failed: false,
    };
    wire_steps(&mut bench);
    frame_steps(&mut bench);
    wheel_steps(&mut bench);
    hub_steps(&mut bench);
    newcomer_steps(&mut bench);
    reload_steps(&bench);
    bench.server();
    println!("\nsize_of Session: {} bytes", size_of::<Session>());
    if bench.failed {
        std::process::exit(1);
    }
}

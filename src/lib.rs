//! roshambo: rock-paper-scissors over a long-lived WebSocket, for mini programs and browsers.
//!
//! One thread, one `mio::Poll`, one timing wheel, one slab of connections, one game. A message's
//! whole way:
//!
//! ```text
//! kernel ─recv─▶ the loop's read buffer ─▶ Reader: request head | WebSocket frames    net/
//!                                            │ one complete text message
//!                                            ▼
//!                        Hub::handle(now, Input::Text { conn, text }) ─┐              hub.rs
//!                          Session: heartbeat, opening, rate limit     │          session.rs
//!                          text → Request                              ▼               wire/
//!                                         World::handle(now, player, request)         world/
//!                          Event → text  ◀── effects: events, timers
//!                                            │
//!                                            ▼ outputs: Send, Ping, Close, Arm
//! kernel ◀─one send per connection and turn── Conn's write queue                       net/
//! ```
//!
//! No step goes back: the world never sees text or a connection's bytes, `net` never sees a room.
//!
//! # The map
//!
//! | place | what lives here | what is absent |
//! |---|---|---|
//! | `main.rs`, `logging.rs` | process start and end, the log that never blocks | logic |
//! | [`config`] | every limit and duration: flag, variable, default, range, reason | reads through globals |
//! | [`time`] | milliseconds since start | a clock |
//! | [`slots`] | handles that go stale: index and generation | players, rooms |
//! | [`wheel`] | a hierarchical timing wheel | players, sockets, a clock |
//! | [`model`] | the words that wire and world share, parsed once, valid ever after | behaviour |
//! | [`identity`] | a signed token in, a person out: bytes, keys, seconds | a clock, files |
//! | [`wire`] | text ⇄ typed: Engine.IO 3 and 4, Socket.IO, events | rules, time, sockets |
//! | [`world`] | the game: lobby, rooms, rounds, robots, sessions | text, IO, the clock |
//! | [`session`] | what one connection's protocol remembers | rooms, sockets |
//! | [`hub`] | the one sans-IO entry: sessions, world, seed | mio, tungstenite, log, clock |
//! | [`metrics`] | counters, histograms and their text | names |
//! | [`net`] | poll, slab, wheel, signals, drain, reload, HTTP heads, frames; the only clock | rules, wire text |
//! | [`store`] | points and room codes that outlive the process: a thread, and a file or Redis | the game |
//! | [`tools`] | `roshambo bench`, `probe`, `reload`, `gather`: clients of a server; `token` | the server's own types |
//!
//! # Who may import whom
//!
//! ```text
//! main ───► config, net, logging, store, tools
//! net ────► hub, identity, metrics, wheel, config, time, model, slots
//! hub ────► session, wire, world, identity, metrics, config, time, model
//! session ► wire, time, model
//! world ──► metrics, time, model, slots
//! store ──► time, model
//! config ─► model
//! wire ───► model
//! identity ► model
//! tools ──► identity
//! model ──► slots
//! metrics ► model
//! wheel ──► time
//! ```
//!
//! Arrows never point up, and never sideways between `session` and `world`.
//! `tests/architecture.rs` reads the sources and enforces this.
//!
//! It stays one crate. A crate for the core would let its manifest keep packages such as mio away
//! from it; but what must stay away above all is in the standard library, the clock, threads,
//! files, and no manifest can say that, nor which module of the core may know which. The test would
//! lose a few lines and keep its rules, and all that hub and sockets share would have to be public.
//!
//! # Where to begin
//!
//! | to add | open |
//! |---|---|
//! | a close code, or a reason for one | `model/close.rs`: a row of its table |
//! | an event or a request | `model.rs`: `Event` or `Request`; the compiler names the rest |
//! | a limit or another setting | `config/knobs.rs`: a row of its table |
//! | a kind of timer | `world::Timer`, and its slot in `hub/facts.rs` |
//! | something that a hub remembers | `hub/snapshot.rs`: how the next release reads it |
//! | a quirk of the original | `world/original.rs` |
//!
//! # Invariants
//!
//! - The core is a value: a [`hub::Hub`] changes only through `handle(now, …)`. It has no clock, no
//!   socket, no logger, no thread and no global generator, so the same seed and the same inputs
//!   give the same bytes. It can be [exported](hub::Hub::export), carried to another process or
//!   release, and [imported](hub::Hub::import) there, and goes on as it would have here.
//! - One input, then drain: outputs are carried out before the next input is told.
//! - A peer's bytes never panic, block, or grow anything without a bound.
//! - A handle is index and generation; a stale one finds nothing.
//! - Nothing per message grows with the number of connections. Deadlines are lazy: traffic stores
//!   when it came, the one timer of a session, room or player looks at that when it fires.
//! - What has to outlive the process is an order to the store, and its answer is a fact like any
//!   other. A result is told at once, and committed some 50 ms later; no round waits for it, and a
//!   time-out is never taken for "it did not happen".
//! - A reload carries values and sockets, in `net/handover.rs`: what can be made anew from them is
//!   not carried, every name that is new has a default, and until the new program runs nothing of
//!   the old one has changed.
//! - The world's and the hub's own invariants are swept after every input in debug builds, and over
//!   every snapshot that is read.
//!
//! # A part alone
//!
//! Every module's tests run alone (`cargo test --lib wire::`); a whole game without a socket is
//! `cargo test --test scenarios`; a seed of the simulation is `SIM_SEED=7 cargo test --test
//! simulation`.

// In reading order; the blank lines keep the formatter from sorting them.

pub mod config;

pub mod time;

pub mod slots;

pub mod model;

pub mod identity;

pub mod wire;

pub mod metrics;

pub mod world;

pub mod session;

pub mod hub;

pub mod wheel;

pub mod net;

pub mod store;

pub mod tools;

//! The game: players, the lobby, rooms, rounds, sessions.
//!
//! Driven by `(now, input)`, it answers with [`Effect`]s: events for connections, and timers.
//! Absent here: text, JSON, IO, the clock, the global generator. Everything that is random comes
//! from the seed, everything that is secret from the `entropy` passed in.
//!
//! # A round
//!
//! It starts when both seats are taken and lasts the game time. It ends in one place,
//! `finish_round`, exactly at the deadline: a message that comes at or after it finds the round
//! ended, whether its timer has fired or not. Who leaves in mid-round is a side that chose nothing;
//! who is lost keeps the seat to the deadline, and what it chose stands.
//!
//! # After a result
//!
//! Two humans who are both still there stay seated for 60 s (`Between`). A `join` means "again"
//! then, and the next round starts once both are ready. Who is ready waits for the other at most
//! the rematch wait, then stands in the lobby. Whoever loses its partner is told `leave` and is
//! free. Against a robot there is nothing to stay for: the human is free at once.
//!
//! # The lobby
//!
//! A waiting player sits alone in a room. The longest waiting one is paired first, at once, except
//! two of one uid, and except with the partner it left for somebody new until its robot's time has
//! come. Then a robot sits down, unless another human is in mid-round against a robot: that one is
//! waited for, as long as a round lasts, so that two humans do meet. A v2 player that comes
//! straight from a robot gets the next one at once, unless there is such a human or was a moment
//! ago. A waiting v2 player that is offline or away keeps its place for 60 s but gets neither human
//! nor robot meanwhile (`parked`).
//!
//! # Absence
//!
//! A v2 player that is away or lost cannot see that its place or seat goes. It is told on its
//! return that it has none any more (`unseated`). One that is lost while it is away has been absent
//! since it went away.
//!
//! # Private rooms
//!
//! Being there is being ready for the first round of two, except for those who entered without
//! being ready: they say it before every round. Later ones want a `join` of both. Seats stay until
//! their owner leaves, or 10 minutes after anybody in the room did anything. A newcomer may take a
//! seat that was given up in mid-round; it plays from the next round on.
//!
//! # The original
//!
//! What old clients need beyond the game is in `original` alone.

mod check;
mod joining;
mod lobby;
mod offline;
mod original;
mod persons;
mod player;
mod presence;
mod ranking;
mod robot;
mod room;
mod rounds;
pub mod rules;
mod sessions;
mod snapshot;
mod stored;
mod tally;

use std::collections::{BTreeSet, HashMap, VecDeque};

use fastrand::Rng;

use crate::model::{
    Avatar, ConnId, Entropy, Event, Letter, Name, PlayerId, ProblemCode, Profile, Request,
    RoomCode, Sub, Token,
};
use crate::slots::{Handle, Slots};
use crate::time::Millis;
pub use check::Fault;
use lobby::Lobby;
use offline::Offline;
pub use persons::Signed;
use player::Player;
use ranking::Ranking;
use robot::LastRounds;
use room::{Room, Round};
use sessions::SWEEP_MAX;
pub use snapshot::WorldSnapshot;
pub use stored::{Kept, Note, Settlement, Unasked};
pub use tally::Tally;

/// One room of the world.
pub type RoomId = Handle;

/// The numbers the game goes by; durations in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long a round lasts; whole seconds.
    pub game_time_ms: u64,
    /// How long a lone player waits for a human, unless it comes straight from a robot.
    pub robot_after_ms: u64,
    /// How long one who is ready waits for the same opponent.
    pub rematch_wait_ms: u64,
    /// Shortest time between two `movement`s of a kind to one player; 0 is off.
    pub relay_interval_ms: u64,
    /// How long a session outlives its connection.
    pub session_ttl_ms: u64,
    /// Most sessions there may be, online ones included; those that never won a point make room for
    /// others. Where nobody can, whoever is online has one more, but no more are kept offline.
    pub max_sessions: usize,
    /// Which server of several this is: codes begin with it.
    pub instance: Option<Letter>,
}

/// What the world wants done.
#[derive(Debug)]
pub enum Effect {
    /// Tell a connection an event.
    Tell { conn: ConnId, event: Event },
    /// A newer connection speaks for this one's player from now on: close it.
    Supersede { conn: ConnId },
    /// Hand `timer` to [`World::due`] at `at` or later.
    Arm { at: Millis, timer: Timer },
    /// Whom this timer is for is gone: it need not be handed back.
    Disarm { timer: Timer },
    /// Tell the store.
    Note(Note),
}

/// A timer of the world's. One that is no longer wanted does nothing when it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// A held `movement`, a frozen button.
    Player(PlayerId),
    /// Whatever the room's phase waits for.
    Room(RoomId),
    /// The session that has been offline longest.
    Sessions,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// It came at the wrong time; no fault, nobody is told but an acknowledgement.
    Ignored(ProblemCode),
    /// It was refused, and the client is told.
    Refused(ProblemCode),
}

/// The whole game.
#[derive(Debug)]
pub struct World {
    rules: Rules,
    rng: Rng,
    players: Slots<Player>,
    rooms: Slots<Room>,
    lobby: Lobby,
    by_token: HashMap<Token, PlayerId>,
    by_code: HashMap<RoomCode, RoomId>,
    /// Who is a person, signed in or not.
    by_person: HashMap<Sub, PlayerId>,
    /// Those whose sessions may end.
    offline: Offline,
    /// Of those whose sessions are pending, or who are not signed in, whom the store was not asked
    /// about yet.
    unasked: BTreeSet<PlayerId>,
    /// How many have points that are not in the store as far as we know.
    owed: usize,
    /// The owner that is drawn next; `None`: there is no store.
    next_owner: Option<u64>,
    ranking: Ranking,
    sweep_armed: Option<Millis>,
    /// Where the next look for what nobody needs any more begins.
    look_at: usize,
    /// Players that are connected and not away.
    online: u32,
    /// As many of other servers that share the store, as far as is known.
    elsewhere: u32,
    rounds_running: usize,
    /// Of these, rounds of a human that is online against a robot: soon it will be free.
    robot_rounds_running: usize,
    last_room: u64,
    last_robot: u64,
    /// Who may come back for another human in a moment.
    from_robots: LastRounds,
    draining: bool,
    tally: Tally,
    effects: VecDeque<Effect>,
}

impl World {
    /// A world without anybody in it. `seed` decides what robots do.
    #[must_use]
    pub fn new(rules: Rules, seed: u64) -> Self {
        Self {
            rules,
            rng: Rng::with_seed(seed),
            players: Slots::default(),
            rooms: Slots::default(),
            lobby: Lobby::default(),
            by_token: HashMap::new(),
            by_code: HashMap::new(),
            by_person: HashMap::new(),
            offline: Offline::default(),
            unasked: BTreeSet::new(),
            owed: 0,
            next_owner: None,
            ranking: Ranking::default(),
            sweep_armed: None,
            look_at: 0,
            online: 0,
            elsewhere: 0,
            rounds_running: 0,
            robot_rounds_running: 0,
            last_room: 0,
            last_robot: 0,
            from_robots: LastRounds::default(),
            draining: false,
            tally: Tally::default(),
            effects: VecDeque::new(),
        }
    }

    /// The next effect, in order. Empty the world of them after every input.
    pub fn pop_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// How many rounds run.
    #[must_use]
    pub fn running_rounds(&self) -> usize {
        self.rounds_running
    }

    /// Figures since the start.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The connection a player is reached on.
    #[must_use]
    pub fn conn_of(&self, id: PlayerId) -> Option<ConnId> {
        self.players.get(id)?.link.conn()
    }

    /// Its name and picture.
    #[must_use]
    pub fn named(&self, id: PlayerId) -> Option<(Name, Avatar)> {
        let Profile { name, avatar, .. } = self.players.get(id)?.card.profile();
        Some((name, avatar))
    }

    /// Whether the store has not said yet what a player's session had.
    #[must_use]
    pub fn is_pending(&self, id: PlayerId) -> bool {
        self.players.get(id).is_some_and(Player::is_pending)
    }

    /// Whether a player's client is one of the second generation.
    #[must_use]
    pub fn is_v2(&self, id: PlayerId) -> bool {
        self.players.get(id).is_some_and(Player::is_v2)
    }

    /// Players that are connected and not away.
    #[must_use]
    pub fn online(&self) -> u32 {
        self.online
    }

    /// So many play on other servers, and are told of as nearby.
    pub fn set_elsewhere(&mut self, online: u32) {
        self.elsewhere = online;
    }

    /// How many players have a connection.
    #[must_use]
    pub fn connected(&self) -> usize {
        let players = self.players.iter().map(|(_, player)| player);
        players.filter(|it| it.link.conn().is_some()).count()
    }

    /// Whose session has this token.
    #[must_use]
    pub fn player_of(&self, token: &Token) -> Option<PlayerId> {
        self.by_token.get(token).copied()
    }

    /// Players, rooms and sessions there are right now.
    #[must_use]
    pub fn population(&self) -> (usize, usize, usize) {
        (self.players.len(), self.rooms.len(), self.by_token.len())
    }

    /// Carries out a request. `relay` is false for a choice over the rate limit: it counts, and
    /// nobody is told.
    pub fn handle(
        &mut self,
        now: Millis,
        id: PlayerId,
        request: &Request,
        relay: bool,
        entropy: &mut Entropy,
    ) -> Outcome {
        let Some(player) = self.players.get(id) else {
            debug_assert!(false, "a session spoke for a player that is gone");
            return Outcome::Ignored(ProblemCode::NotPlaying);
        };
        if !player.knows(request) {
            return Outcome::Refused(ProblemCode::UnknownEvent);
        }
        // A round that is over by now ended without it, if it was away.
        self.settle(now, id);
        let returned = !matches!(request, Request::Away) && self.back_from_away(now, id);
        if returned {
            self.tell_lost_seat(id);
        }
        self.touch(now, id);
        let outcome = match request {
            Request::Join(join) => self.join(now, id, *join, entropy),
            Request::Choice(choice) => self.choose(now, id, *choice, relay),
            Request::Face(face) => self.show_face(now, id, *face),
            Request::Leave => self.leave(now, id),
            Request::Away => self.go_away(now, id),
            Request::Ping => {
                // A `pong` says that everything before it has been told.
                if returned {
                    self.play_on(now, id);
                }
                self.tell(id, Event::Pong);
                return Outcome::Done;
            }
            // The board is the store's: the hub asks it.
            Request::Top(_) | Request::Rank(_) => Outcome::Done,
            Request::Hello(_) => {
                debug_assert!(false, "the hub turns hello into enter, resume or rename");
                Outcome::Done
            }
        };
        if returned {
            self.play_on(now, id);
        }
        outcome
    }

    /// A timer that [`Effect::Arm`] asked for is due.
    pub fn due(&mut self, now: Millis, timer: Timer) {
        match timer {
            Timer::Player(id) => self.player_due(now, id),
            Timer::Room(id) => {
                if let Some(room) = self.rooms.get_mut(id) {
                    room.armed = room.armed.filter(|&armed| now < armed);
                    self.run_room(now, id);
                    self.arm_room(id);
                }
            }
            Timer::Sessions => {
                self.sweep_armed = self.sweep_armed.filter(|&armed| now < armed);
                for _ in 0..SWEEP_MAX {
                    match self.offline.first_to_end() {
                        Some((expires_at, id)) if expires_at <= now => self.end_session(now, id),
                        _ => break,
                    }
                }
                self.arm_sweep(now);
            }
        }
    }

    /// No new rounds and no robots from now on; running rounds end by themselves.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Rounds and robots begin again.
    pub fn reopen(&mut self, now: Millis) {
        self.draining = false;
        for room in self.rooms.handles() {
            self.run_room(now, room);
            self.arm_room(room);
        }
        // Who came into the lobby meanwhile met nobody there.
        for id in self.lobby.players().collect::<Vec<_>>() {
            if let Some((_, waiting)) = self.waiting_of(id) {
                let since = waiting.since;
                if let Some(other) = self.find_opponent(now, id, waiting) {
                    self.pair(now, other, id, since);
                }
            }
        }
    }

    /// Whether a round runs where a player sits.
    pub fn plays(&mut self, now: Millis, id: PlayerId) -> bool {
        self.settle(now, id);
        let room = self.players.get(id).and_then(|player| player.room);
        let room = room.and_then(|room| self.rooms.get(room));
        room.is_some_and(|room| room.round().is_some())
    }

    fn tell(&mut self, id: PlayerId, event: Event) {
        if let Some(conn) = self.players.get(id).and_then(|player| player.link.conn()) {
            self.effects.push_back(Effect::Tell { conn, event });
        }
    }

    /// Whether a player is one of the two sides of a running round.
    fn is_playing(&self, id: PlayerId) -> bool {
        self.round_of(id).is_some()
    }

    /// The running round that a player is one of the two sides of.
    fn round_of(&self, id: PlayerId) -> Option<&Round> {
        let room = self.players.get(id)?.room?;
        let round = self.rooms.get(room)?.round()?;
        round.side_of(id).map(|_| round)
    }

    /// Whether a player is in mid-round against a robot.
    fn plays_robot(&self, id: PlayerId) -> bool {
        self.round_of(id)
            .is_some_and(|round| round.robot().is_some())
    }

    /// Ends a round whose time is over before anything else is done at `now`, so that it does not
    /// matter whether the timer or a message comes first.
    fn settle(&mut self, now: Millis, id: PlayerId) {
        if let Some(room_id) = self.players.get(id).and_then(|player| player.room) {
            self.settle_room(now, room_id);
        }
    }

    /// The same for a room that somebody is about to enter.
    fn settle_room(&mut self, now: Millis, room_id: RoomId) {
        let round = self.rooms.get(room_id).and_then(Room::round);
        if round.is_some_and(|round| round.ends_at <= now) {
            self.run_room(now, room_id);
            self.arm_room(room_id);
        }
    }

    fn player_due(&mut self, now: Millis, id: PlayerId) {
        let Some(player) = self.players.get_mut(id) else {
            return;
        };
        let Some(play) = player.play_mut() else {
            return;
        };
        play.armed = play.armed.filter(|&armed| now < armed);
        for kind in 0..play.held.len() {
            self.release_held(now, id, kind);
        }
        self.thaw(now, id);
        self.arm_player(id);
    }

    fn arm_player(&mut self, id: PlayerId) {
        let play = self.players.get(id).and_then(Player::play);
        let thaws_at = play.and_then(|play| self.thaws_at(play));
        let player = self.players.get_mut(id);
        let Some(play) = player.and_then(Player::play_mut) else {
            return;
        };
        let held = play.held.iter().zip(play.relay_free_at);
        let held = held
            .filter_map(|(held, free_at)| held.map(|_| free_at))
            .min();
        let Some(at) = [held, thaws_at].into_iter().flatten().min() else {
            return;
        };
        if play.armed.is_none_or(|armed| at < armed) {
            play.armed = Some(at);
            self.effects.push_back(Effect::Arm {
                at,
                timer: Timer::Player(id),
            });
        }
    }

    fn arm_room(&mut self, id: RoomId) {
        let Some(at) = self.rooms.get(id).map(|room| self.room_deadline(room)) else {
            return;
        };
        if let Some(room) = self.rooms.get_mut(id)
            && at != room::NEVER
            && room.armed.is_none_or(|armed| at < armed)
        {
            room.armed = Some(at);
            let timer = Timer::Room(id);
            self.effects.push_back(Effect::Arm { at, timer });
        }
    }
}

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
//! then: v2 clients are ready once they sent it, old ones if they made a choice in the round just
//! ended; nothing starts without anybody's `join`. Who is ready waits for the other at most the
//! rematch wait, then stands in the lobby. Whoever loses its partner is told `leave` and is free.
//! Against a robot there is nothing to stay for: the human is free at once.
//!
//! # The lobby
//!
//! A waiting player sits alone in a room. The longest waiting one is paired first, at once, except
//! two of one uid, and except with the partner it left for somebody new until its robot's time has
//! come. Then a robot sits down, unless another human is in mid-round against a robot: that one is
//! waited for, as long as a round lasts, so that two humans do meet. A waiting v2 player that is
//! offline or away keeps its place for 60 s but gets neither human nor robot meanwhile (`parked`).
//!
//! # Private rooms
//!
//! Being there is being ready for the first round of two; later ones want a `join` of both. Seats
//! stay until their owner leaves, or 10 minutes after anybody in the room did anything. A newcomer
//! may take a seat that was given up in mid-round; it plays from the next round on.
//!
//! # The frozen button
//!
//! The original mini program's button is dead after a loss until the next `start`. An old Socket.IO
//! client that lost a round in which it chose is therefore taken as having asked for somebody new
//! 4 s later, unless it says something itself. For the same reason an old client that asked for
//! "again" and then loses its partner stands in the lobby at once: its page knows no `leave`.

mod check;
mod joining;
mod lobby;
mod robot;
mod room;
mod rounds;
pub mod rules;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;

use fastrand::Rng;

use crate::metrics::Histogram;
use crate::model::{
    Avatar, Card, ConnId, Entropy, Event, Generation, HiSession, Movement, Name, PlayerId,
    ProblemCode, Profile, Request, ResultRow, RoomCode, SessionRecord, Token, Uid,
};
use crate::slots::{Handle, Slots};
use crate::time::Millis;
use lobby::Lobby;
use room::{Phase, Room, Round};
use rules::Score;

/// One room of the world.
pub type RoomId = Handle;

/// How long the button of the original mini program stays frozen after a loss at most.
const FROZEN_MS: u64 = 4_000;

/// The numbers the game goes by; durations in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long a round lasts; whole seconds.
    pub game_time_ms: u64,
    /// How long a lone player waits for a human.
    pub robot_after_ms: u64,
    /// How long one who is ready waits for the same opponent.
    pub rematch_wait_ms: u64,
    /// Shortest time between two `movement`s of a kind to one player; 0 is off.
    pub relay_interval_ms: u64,
    /// How long a session outlives its connection.
    pub session_ttl_ms: u64,
    /// Most sessions there may be, online ones included.
    pub max_sessions: usize,
}

/// What the world wants done.
#[derive(Debug)]
pub enum Effect {
    /// Tell a connection an event.
    Tell {
        /// Whom.
        conn: ConnId,
        /// What.
        event: Event,
    },
    /// A newer connection speaks for this one's player from now on: close it.
    Supersede {
        /// Which.
        conn: ConnId,
    },
    /// Hand `timer` to [`World::due`] at `at` or later.
    Arm {
        /// When.
        at: Millis,
        /// What.
        timer: Timer,
    },
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
    /// It was carried out.
    Done,
    /// It came at the wrong time; no fault, nobody is told but an acknowledgement.
    Ignored(ProblemCode),
    /// It was refused, and the client is told.
    Refused(ProblemCode),
}

/// Figures of the whole process, for the log and the metrics.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    /// Rounds begun between two humans.
    pub human_rounds: u64,
    /// Rounds begun between a human and a robot.
    pub robot_rounds: u64,
    /// Sessions taken up again.
    pub resumed: u64,
    /// Private rooms made.
    pub private_rooms: u64,
    /// Milliseconds from a `join` to the round with a human.
    pub waits_for_human: Histogram<12>,
    /// Milliseconds from a `join` to the round with a robot.
    pub waits_for_robot: Histogram<12>,
    /// Milliseconds by which rounds ended after their deadline.
    pub lateness: Histogram<10>,
}

impl Default for Tally {
    fn default() -> Self {
        /// Dense around `--robot-after` (1 s) and `--game-time` (3 s), where most waits end.
        const WAIT_MS: [u64; 12] = [
            10, 100, 250, 500, 1_000, 1_100, 1_500, 2_000, 3_000, 5_000, 10_000, 60_000,
        ];
        const LATENESS_MS: [u64; 10] = [0, 1, 2, 5, 10, 20, 50, 100, 500, 1_000];
        Self {
            human_rounds: 0,
            robot_rounds: 0,
            resumed: 0,
            private_rooms: 0,
            waits_for_human: Histogram::new(&WAIT_MS),
            waits_for_robot: Histogram::new(&WAIT_MS),
            lateness: Histogram::new(&LATENESS_MS),
        }
    }
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
    /// v2 players without a connection, by the end of their sessions: longest offline first.
    offline: BTreeSet<(Millis, PlayerId)>,
    sweep_armed: Option<Millis>,
    /// Players that are connected and not away.
    online: u32,
    rounds_running: usize,
    /// Of these, rounds of a human that is online against a robot: soon it will be free.
    robot_rounds_running: usize,
    last_room: u64,
    last_robot: u64,
    draining: bool,
    tally: Tally,
    effects: VecDeque<Effect>,
}

/// Somebody who said `hello`, or `join`.
#[derive(Debug)]
struct Player {
    card: Card,
    generation: Generation,
    /// v2 players have one.
    token: Option<Token>,
    link: Link,
    score: Score,
    /// Where it sits.
    room: Option<RoomId>,
    /// From its first round on.
    play: Option<Box<Play>>,
}

const _: () = assert!(size_of::<Player>() <= 88, "one for every player");

/// What only somebody who plays, or has played, needs.
#[derive(Debug, Default)]
struct Play {
    /// When the original mini program's button is freed.
    frozen_until: Option<Millis>,
    /// v2: the last result, for one who comes back.
    last_result: Option<(Millis, Rc<[ResultRow; 2]>)>,
    /// From when on it may be sent a `movement` again, by kind.
    relay_free_at: [Millis; 2],
    /// A `movement` of its partner's that waits for that, by kind.
    held: [Option<Movement>; 2],
    /// The earliest timer that is armed for it.
    armed: Option<Millis>,
}

/// Whether a player can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Online(ConnId),
    /// Connected, but in the background.
    Away(ConnId, Millis),
    Offline {
        since: Millis,
        /// When a v2 player's session ends.
        expires_at: Millis,
    },
}

impl Link {
    fn conn(self) -> Option<ConnId> {
        match self {
            Self::Online(conn) | Self::Away(conn, _) => Some(conn),
            Self::Offline { .. } => None,
        }
    }

    fn is_online(self) -> bool {
        matches!(self, Self::Online(_))
    }

    fn absent_since(self) -> Option<Millis> {
        match self {
            Self::Online(_) => None,
            Self::Away(_, since) | Self::Offline { since, .. } => Some(since),
        }
    }
}

impl Player {
    fn is_v2(&self) -> bool {
        self.generation == Generation::V2
    }

    fn play_mut(&mut self) -> &mut Play {
        self.play.get_or_insert_default()
    }

    fn frozen_until(&self) -> Option<Millis> {
        self.play.as_ref()?.frozen_until
    }

    /// Its button is free, or nobody is there to press it.
    fn unfreeze(&mut self) {
        if let Some(play) = &mut self.play {
            play.frozen_until = None;
        }
    }

    /// What its partner did and it has not been told is not worth telling any more.
    fn forget_held(&mut self) {
        if let Some(play) = &mut self.play {
            play.held = [None, None];
        }
    }
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
            offline: BTreeSet::new(),
            sweep_armed: None,
            online: 0,
            rounds_running: 0,
            robot_rounds_running: 0,
            last_room: 0,
            last_robot: 0,
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

    /// Players, rooms and sessions there are right now.
    #[must_use]
    pub fn population(&self) -> (usize, usize, usize) {
        (self.players.len(), self.rooms.len(), self.by_token.len())
    }

    /// A new player on a connection; it is told `hi`. v2 players bring a fresh token.
    pub fn enter(
        &mut self,
        now: Millis,
        conn: ConnId,
        profile: Profile,
        generation: Generation,
        token: Option<Token>,
    ) -> PlayerId {
        debug_assert_eq!(
            token.is_some(),
            generation == Generation::V2,
            "only v2 has sessions"
        );
        if token.is_some() {
            self.make_room_for_a_session(now);
        }
        let id = self.insert_player(&profile, generation, token, Link::Online(conn));
        self.online += 1;
        self.greet(id, false);
        id
    }

    /// Takes a session up on a new connection; `None` when no session has this token.
    ///
    /// A connection that spoke for the player until now is superseded.
    pub fn resume(
        &mut self,
        now: Millis,
        conn: ConnId,
        token: &Token,
        name: Name,
        avatar: Avatar,
    ) -> Option<PlayerId> {
        let id = *self.by_token.get(token)?;
        self.settle(now, id);
        let player = self.players.get_mut(id)?;
        let old = player.link.conn();
        let known = player.card.profile();
        let uid = known.uid.clone();
        let profile = Profile { uid, name, avatar };
        let renamed = profile != known;
        if renamed {
            player.card = Card::new(&profile);
        }
        if let Some(conn) = old {
            self.effects.push_back(Effect::Supersede { conn });
        }
        self.tally.resumed += 1;
        // Linked quietly first: `hi` comes before what the return itself causes.
        let before = self.link(id, Link::Online(conn))?;
        self.greet(id, true);
        self.touch(now, id);
        let room = self.players.get(id)?.room;
        let plays = self.is_playing(id);
        match room {
            // The others learn that it is back; what the return causes comes after its `room`.
            Some(_) if !before.is_online() => {
                self.came_back(now, id);
                self.play_on(now, id);
            }
            Some(room) if renamed => self.tell_room(room),
            Some(room) => self.tell_room_to(room, &[id]),
            None => (),
        }
        match room {
            Some(room) if plays => self.repeat_start(now, id, room),
            // Its mere return may have begun a round.
            _ if self.is_playing(id) => (),
            _ => self.repeat_result(now, id),
        }
        Some(id)
    }

    /// A later `hello`: name and picture change; an old client's uid too, unless it is seated.
    pub fn rename(
        &mut self,
        now: Millis,
        id: PlayerId,
        uid: Option<Uid>,
        name: Name,
        avatar: Avatar,
    ) {
        self.settle(now, id);
        let returned = self.back_from_away(now, id);
        self.touch(now, id);
        let Some(player) = self.players.get_mut(id) else {
            return;
        };
        let uid = uid.filter(|_| !player.is_v2() && player.room.is_none());
        let uid = uid.unwrap_or_else(|| player.card.uid());
        player.card = Card::new(&Profile { uid, name, avatar });
        let room = player.room;
        self.greet(id, false);
        if let Some(room) = room {
            self.tell_room(room);
        }
        if returned {
            self.play_on(now, id);
        }
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
        let Some(v2) = self.players.get(id).map(Player::is_v2) else {
            debug_assert!(false, "a session spoke for a player that is gone");
            return Outcome::Ignored(ProblemCode::NotPlaying);
        };
        if !v2 && matches!(request, Request::Away | Request::Ping) {
            return Outcome::Refused(ProblemCode::UnknownEvent);
        }
        // A round that is over by now ended without it, if it was away.
        self.settle(now, id);
        let returned = !matches!(request, Request::Away) && self.back_from_away(now, id);
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

    /// A player's connection ended.
    pub fn lost(&mut self, now: Millis, id: PlayerId) {
        self.settle(now, id);
        let Some(player) = self.players.get_mut(id) else {
            return;
        };
        player.unfreeze();
        player.forget_held();
        if player.is_v2() || self.is_playing(id) {
            // A seat stays to the deadline, and so does an old client's player on it.
            let expires_at = now + self.rules.session_ttl_ms;
            self.absent(
                now,
                id,
                Link::Offline {
                    since: now,
                    expires_at,
                },
            );
        } else {
            self.vacate(now, id);
            self.remove_player(id);
        }
        self.arm_sweep();
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
                while let Some(&(expires_at, id)) = self.offline.first()
                    && expires_at <= now
                {
                    self.end_session(now, id);
                }
                self.arm_sweep();
            }
        }
    }

    /// No new rounds and no robots from now on; running rounds end by themselves.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// All sessions, as they are to be kept over a restart.
    #[must_use]
    pub fn export(&self, now: Millis) -> Vec<SessionRecord> {
        let record = |(_, player): (PlayerId, &Player)| {
            Some(SessionRecord {
                token: player.token.clone()?,
                profile: player.card.profile(),
                total_score: player.score.total,
                win_streak: player.score.streak,
                idle_ms: match player.link {
                    Link::Online(_) | Link::Away(..) => 0,
                    Link::Offline { expires_at, .. } => self
                        .rules
                        .session_ttl_ms
                        .saturating_sub(expires_at.since(now)),
                },
            })
        };
        self.players.iter().filter_map(record).collect()
    }

    /// Takes sessions of an earlier process in; their players are offline. Returns how many were
    /// still worth it: not too old, not known yet, not more than there may be.
    pub fn import(&mut self, now: Millis, mut records: Vec<SessionRecord>) -> usize {
        records.sort_by_key(|record| record.idle_ms);
        records.retain(|record| record.idle_ms < self.rules.session_ttl_ms);
        records.truncate(self.rules.max_sessions.saturating_sub(self.by_token.len()));
        let mut taken = 0;
        for record in records {
            if self.by_token.contains_key(&record.token) {
                continue;
            }
            let expires_at = now + (self.rules.session_ttl_ms - record.idle_ms);
            let link = Link::Offline {
                since: now,
                expires_at,
            };
            let token = Some(record.token);
            let id = self.insert_player(&record.profile, Generation::V2, token, link);
            if let Some(player) = self.players.get_mut(id) {
                player.score = Score {
                    total: record.total_score,
                    streak: record.win_streak,
                };
            }
            self.offline.insert((expires_at, id));
            taken += 1;
        }
        self.arm_sweep();
        taken
    }

    fn insert_player(
        &mut self,
        profile: &Profile,
        generation: Generation,
        token: Option<Token>,
        link: Link,
    ) -> PlayerId {
        let id = self.players.insert(Player {
            card: Card::new(profile),
            generation,
            token: token.clone(),
            link,
            score: Score::default(),
            room: None,
            play: None,
        });
        if let Some(token) = token {
            self.by_token.insert(token, id);
        }
        id
    }

    /// Forgets a player without a seat.
    fn remove_player(&mut self, id: PlayerId) {
        let Some(player) = self.players.remove(id) else {
            return;
        };
        debug_assert!(
            player.room.is_none(),
            "a removed player would leave a ghost on its seat"
        );
        match player.link {
            Link::Online(_) => self.online -= 1,
            Link::Away(..) => (),
            Link::Offline { expires_at, .. } => {
                self.offline.remove(&(expires_at, id));
            }
        }
        if let Some(token) = player.token {
            self.by_token.remove(&token);
        }
    }

    /// Ends a session for good, wherever its player sits.
    fn end_session(&mut self, now: Millis, id: PlayerId) {
        self.vacate(now, id);
        self.remove_player(id);
    }

    /// At the limit, the longest offline goes first.
    fn make_room_for_a_session(&mut self, now: Millis) {
        while self.rules.max_sessions <= self.by_token.len() {
            let Some(&(_, id)) = self.offline.first() else {
                return;
            };
            self.end_session(now, id);
        }
    }

    fn arm_sweep(&mut self) {
        let Some(&(at, _)) = self.offline.first() else {
            return;
        };
        if self.sweep_armed.is_none_or(|armed| at < armed) {
            self.sweep_armed = Some(at);
            self.effects.push_back(Effect::Arm {
                at,
                timer: Timer::Sessions,
            });
        }
    }

    fn tell(&mut self, id: PlayerId, event: Event) {
        if let Some(conn) = self.players.get(id).and_then(|player| player.link.conn()) {
            self.effects.push_back(Effect::Tell { conn, event });
        }
    }

    /// `hi`.
    fn greet(&mut self, id: PlayerId, resumed: bool) {
        let Some(player) = self.players.get(id) else {
            return;
        };
        let session = player.token.as_ref().map(|token| {
            Box::new(HiSession {
                uid: player.card.uid(),
                token: token.clone(),
                resumed,
                total_score: player.score.total,
                win_streak: player.score.streak,
            })
        });
        let nearby = self.online - u32::from(player.link.is_online());
        self.tell(id, Event::Hi { nearby, session });
    }

    /// Changes a player's link and the counts that depend on it; returns the former link.
    fn link(&mut self, id: PlayerId, link: Link) -> Option<Link> {
        let robot = self.plays_robot(id);
        let player = self.players.get_mut(id)?;
        let before = std::mem::replace(&mut player.link, link);
        let v2 = player.is_v2();
        if robot && before.is_online() != link.is_online() {
            if link.is_online() {
                self.robot_rounds_running += 1;
            } else {
                self.robot_rounds_running -= 1;
            }
        }
        match before {
            Link::Online(_) => self.online -= 1,
            Link::Away(..) => (),
            Link::Offline { expires_at, .. } => {
                self.offline.remove(&(expires_at, id));
            }
        }
        match link {
            Link::Online(_) => self.online += 1,
            Link::Offline { expires_at, .. } if v2 => {
                self.offline.insert((expires_at, id));
            }
            Link::Away(..) | Link::Offline { .. } => (),
        }
        Some(before)
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

    fn go_away(&mut self, now: Millis, id: PlayerId) -> Outcome {
        if let Some(Link::Online(conn)) = self.players.get(id).map(|player| player.link) {
            self.absent(now, id, Link::Away(conn, now));
        }
        Outcome::Done
    }

    /// Ends a player's absence in the background, if that is where it is.
    fn back_from_away(&mut self, now: Millis, id: PlayerId) -> bool {
        let Some(Link::Away(conn, _)) = self.players.get(id).map(|player| player.link) else {
            return false;
        };
        self.link(id, Link::Online(conn));
        self.came_back(now, id);
        true
    }

    /// Makes a player offline or away, and tells its room unless that is no news.
    fn absent(&mut self, now: Millis, id: PlayerId, link: Link) {
        if !self.link(id, link).is_some_and(Link::is_online) {
            return;
        }
        let Some(room_id) = self.players.get(id).and_then(|player| player.room) else {
            return;
        };
        self.leave_queue(id);
        let Some(room) = self.rooms.get_mut(room_id) else {
            return;
        };
        match &mut room.phase {
            Phase::Waiting(waiting) => waiting.parked = Some(now),
            Phase::Playing(_) => (),
            Phase::Between(_) => {
                if let Some(seat) = room.seat_mut(id) {
                    seat.ready = None;
                }
            }
        }
        self.tell_room(room_id);
        self.arm_room(room_id);
    }

    /// Tells the room of a player that is online again. What its return allows is up to
    /// [`World::play_on`], once it is known what it came back for.
    fn came_back(&mut self, now: Millis, id: PlayerId) {
        let Some(room_id) = self.players.get(id).and_then(|player| player.room) else {
            return;
        };
        let Some(room) = self.rooms.get_mut(room_id) else {
            return;
        };
        if let Phase::Waiting(waiting) = &mut room.phase {
            waiting.parked = None;
        }
        if !self.begins(now, room_id) {
            self.tell_room(room_id);
        }
    }

    /// Lets a player that came back be paired again, or begin the round that waited for it.
    fn play_on(&mut self, now: Millis, id: PlayerId) {
        if self.waiting_of(id).is_some() {
            return self.meet(now, id);
        }
        if let Some(room_id) = self.players.get(id).and_then(|player| player.room) {
            self.run_room(now, room_id);
            self.arm_room(room_id);
        }
    }

    /// Notes that a member of a private room did something.
    fn touch(&mut self, now: Millis, id: PlayerId) {
        let room = self.players.get(id).and_then(|player| player.room);
        if let Some(private) = room
            .and_then(|room| self.rooms.get_mut(room))
            .and_then(|room| room.private.as_mut())
        {
            private.touched = now;
        }
    }

    /// Ends a round whose time is over before anything else is done at `now`, so that it does not
    /// matter whether the timer or a message comes first.
    fn settle(&mut self, now: Millis, id: PlayerId) {
        let Some(room_id) = self.players.get(id).and_then(|player| player.room) else {
            return;
        };
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
        let Some(play) = &mut player.play else {
            return;
        };
        play.armed = play.armed.filter(|&armed| now < armed);
        for kind in 0..play.held.len() {
            self.release_held(now, id, kind);
        }
        let frozen = self.players.get(id).and_then(Player::frozen_until);
        if frozen.is_some_and(|until| until <= now) && !self.draining {
            self.thaw(now, id);
        }
        self.arm_player(id);
    }

    fn arm_player(&mut self, id: PlayerId) {
        let draining = self.draining;
        let player = self.players.get_mut(id);
        let Some(play) = player.and_then(|player| player.play.as_mut()) else {
            return;
        };
        let held = play.held.iter().zip(play.relay_free_at);
        let held = held
            .filter_map(|(held, free_at)| held.map(|_| free_at))
            .min();
        let frozen = play.frozen_until.filter(|_| !draining);
        let Some(at) = [held, frozen].into_iter().flatten().min() else {
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

//! What the contract promises, checked from outside: a model that sees only what goes into the hub
//! and what comes out of it.
//!
//! [`Shadow::step`] follows one input and everything it caused; [`Shadow::quiet`] is called when
//! no timer is due and asks whether something that had to happen did not. A broken promise is a
//! [`Violation`] that names the rule. Absent here: the server's own types, a clock, randomness.

mod game;
mod lines;
mod quiet;

use std::collections::{BTreeMap, BTreeSet};

use roshambo::config::Config;
use roshambo::hub::Dialect;
use roshambo::model::{ConnId, Origin};
use roshambo::time::Millis;

use crate::texts::{Packet, Room as RoomText, Row};
use crate::world::{Fact, Order};
use lines::Told;

/// A broken promise.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    /// Which.
    pub(crate) rule: &'static str,
    /// What was seen.
    pub(crate) detail: String,
}

impl Violation {
    pub(crate) fn new(rule: &'static str, detail: String) -> Self {
        Self { rule, detail }
    }
}

/// Returns a [`Violation`] unless something holds.
macro_rules! ensure {
    ($holds:expr, $rule:expr, $($detail:tt)*) => {
        if !$holds {
            return Err($crate::shadow::Violation::new($rule, format!($($detail)*)));
        }
    };
}
pub(crate) use ensure;

pub(crate) type Check = Result<(), Violation>;

/// Names a player of the model.
type P = usize;

/// From a loss to the freeing of the original's button.
const FROZEN_MS: u64 = 4_000;
/// The original's page ignores taps from a `start` this soon after a win or a draw.
const OLD_PAGE_MS: u64 = 1_500;
/// After a round against a robot one may come back for another human.
const ABOUT_MS: u64 = 10_000;
/// From a face that a robot sees to its own, at least.
const ROBOT_FACE_MS: u64 = 400;
/// Two who have played stay seated; a waiting player that is lost keeps its place; a result is
/// repeated to one who comes back.
const MINUTE_MS: u64 = 60_000;
/// A private room lasts this long without an event.
const PRIVATE_IDLE_MS: u64 = 600_000;

/// Later than any run.
const NEVER: Millis = Millis(u64::MAX / 2);

/// One connection.
#[derive(Debug)]
struct Line {
    dialect: Dialect,
    opened_at: Millis,
    seen_at: Millis,
    pinged_at: Option<Millis>,
    /// Engine.IO 4: `40` was sent.
    entered: bool,
    /// A packet of the dialect came.
    spoke: bool,
    v2: bool,
    player: Option<P>,
    greeted: bool,
    taken_over: bool,
    /// Its `hello` came too early.
    sent_back: bool,
    /// For whom it spoke until this step, when it was taken over.
    former: Option<P>,
    /// Thousandths of an event that may still be sent.
    credit: u64,
    credited_at: Millis,
    from: Option<Origin>,
    /// What counts for it alone, if it comes from nowhere.
    window: Window,
}

/// What is limited, in a minute that begins with the first of it.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    since: Option<Millis>,
    wrong_codes: u32,
}

/// What this step has shown on one connection.
#[derive(Debug, Default)]
struct Shown {
    packets: usize,
    bye: Option<(u16, Option<u64>, String)>,
    disconnect: bool,
    room: bool,
    start: bool,
    result: bool,
}

/// One player.
#[derive(Debug)]
struct Player {
    uid: String,
    token: Option<String>,
    v2: bool,
    freezes: bool,
    line: Option<ConnId>,
    away: bool,
    offline_since: Option<Millis>,
    /// Thousandths of an event that its last connection owed to the rate limit, and when.
    owes: (u64, Millis),
    absent_since: Option<Millis>,
    total: u32,
    streak: u32,
    /// It played a robot unseen: how that ended is not known yet.
    unsure: bool,
    place: Place,
    /// Its place went while it was absent, and it is yet to be told.
    unseated: bool,
    frozen_until: Option<Millis>,
    last_result: Option<(Millis, Option<[Row; 2]>)>,
    /// The room as it was told last.
    told: Option<RoomText>,
    /// Movements that were caused and not sent yet: choice and face.
    held: [Option<(Millis, Option<u32>)>; 2],
    moved_at: [Option<Millis>; 2],
    /// Since when it wants a round from strangers.
    joined_at: Option<Millis>,
    /// When its last round ended, if that was against a robot and it did not sit since.
    robot_left: Option<Millis>,
    /// When its last round against a robot ended.
    robot_ended: Option<Millis>,
}

#[derive(Clone, Debug, PartialEq)]
enum Place {
    Free,
    Lobby(Wait),
    Seat(usize),
}

/// A wait in the lobby.
#[derive(Clone, Debug, PartialEq)]
struct Wait {
    /// Counts from the `join`.
    since: Millis,
    /// When it really came to the lobby, or back to it.
    entered: Millis,
    apart: Option<P>,
    parked: Option<Millis>,
    /// It comes straight from a robot, and need not wait for the next: whether it may get that at
    /// once, and whether it must.
    goes_on: (bool, bool),
    /// Another human was in a round against a robot all the same.
    held_up: bool,
    /// At its robot's time another human was in a round against a robot.
    excused: bool,
    /// It is here because its button was freed.
    thawed: bool,
    /// Counts the waits, to order those of one millisecond.
    order: u64,
}

/// A room for two; lobby waits have none.
#[derive(Debug)]
struct Room {
    code: Option<String>,
    number: Option<String>,
    seats: [Option<Seat>; 2],
    round: Option<Round>,
    since: Millis,
    first: bool,
    not_before: Millis,
    touched: Millis,
}

#[derive(Clone, Copy, Debug)]
struct Seat {
    player: P,
    ready: Option<Millis>,
    /// It entered a private room without being ready, and is so only by saying it.
    says_ready: bool,
    chose: bool,
}

#[derive(Debug)]
struct Round {
    began_at: Millis,
    ends_at: Millis,
    sides: [Side; 2],
    /// Who has not been told `start` yet; empty after the step that began it.
    untold: Vec<P>,
    /// When the robot was shown the faces that it has not answered.
    faces: Vec<Millis>,
    text: crate::texts::Start,
}

#[derive(Debug)]
struct Side {
    who: Who,
    choice: Option<u8>,
}

#[derive(Clone, Debug, PartialEq)]
enum Who {
    Human(P),
    Robot(String),
    Left(String, u32),
}

/// What a run was made of, to see that it looked everywhere.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) human_rounds: u64,
    pub(crate) robot_rounds: u64,
    pub(crate) rematches: u64,
    pub(crate) private_rounds: u64,
    pub(crate) results: u64,
    pub(crate) resumes: u64,
    pub(crate) takeovers: u64,
    pub(crate) thaws: u64,
    pub(crate) leavers: u64,
    pub(crate) evictions: u64,
    pub(crate) expiries: u64,
    pub(crate) movements: u64,
    pub(crate) robot_faces: u64,
    /// Rounds against a robot straight after one.
    pub(crate) robots_at_once: u64,
    pub(crate) closes: u64,
    pub(crate) longest_wait_ms: u64,
}

/// The model.
pub(crate) struct Shadow {
    config: Config,
    lines: BTreeMap<ConnId, Line>,
    /// What counts for all of one origin.
    origins: BTreeMap<Origin, Window>,
    players: Vec<Player>,
    /// Those that are not gone for good.
    live: BTreeSet<P>,
    rooms: BTreeMap<usize, Room>,
    rooms_made: usize,
    waits: u64,
    draining: bool,
    /// Whom a `leave` is owed, and whose.
    owed_leaves: Vec<(P, String)>,
    /// Who is back, and is owed its own `leave`.
    owed_seats: Vec<P>,
    /// Connections that end in this step.
    closing: Vec<ConnId>,
    /// Who had a place when this step began.
    placed: Vec<P>,
    /// Members of an expired private room, who are owed a `problem`.
    owed_problems: Vec<P>,
    shown: BTreeMap<ConnId, Shown>,
    resumed: Option<P>,
    /// The last end of a round of a human against a robot.
    robot_round_ended: Option<(Millis, P)>,
    /// Movements that were followed before the result that comes after them in the same step.
    early: usize,
    /// Who was told a start that was followed before the step's input.
    early_starts: Vec<ConnId>,
    /// At the limit nobody can tell from outside which session went: two were lost in the same
    /// millisecond, or one may have won a point unseen. The run goes on without the shadow.
    pub(crate) undecided: bool,
    pub(crate) figures: Figures,
}

impl Shadow {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            lines: BTreeMap::new(),
            origins: BTreeMap::new(),
            players: Vec::new(),
            live: BTreeSet::new(),
            rooms: BTreeMap::new(),
            rooms_made: 0,
            waits: 0,
            draining: false,
            owed_leaves: Vec::new(),
            owed_seats: Vec::new(),
            closing: Vec::new(),
            placed: Vec::new(),
            owed_problems: Vec::new(),
            shown: BTreeMap::new(),
            resumed: None,
            robot_round_ended: None,
            early: 0,
            early_starts: Vec::new(),
            undecided: false,
            figures: Figures::default(),
        }
    }

    /// Follows one input and all that it caused.
    pub(crate) fn step(&mut self, now: Millis, fact: &Fact, orders: &[Order]) -> Check {
        if self.undecided {
            return Ok(());
        }
        self.shown.clear();
        self.resumed = None;
        self.early_starts.clear();
        let closed = orders.iter().filter_map(|order| match order {
            Order::Close { conn, .. } => Some(*conn),
            _ => None,
        });
        self.closing = closed.collect();
        if let Fact::Closed { conn } = fact {
            self.closing.push(*conn);
        }
        let placed = |&player: &P| self.players[player].place != Place::Free;
        self.placed = self.live.iter().copied().filter(placed).collect();
        if let Fact::Opened {
            conn,
            dialect,
            from,
        } = fact
        {
            self.opened(now, (*conn, *from), *dialect);
        }
        let packets = self.read(orders)?;
        let told = Told(
            packets
                .iter()
                .map(|(conn, packet)| (*conn, packet))
                .collect(),
        );
        self.settle_unseen(now, &told)?;
        self.settle_told(now, fact, orders, &told)?;
        self.apply(now, fact, orders, &told)?;
        let mut packets = packets.iter();
        for order in orders {
            if self.undecided {
                return Ok(());
            }
            match order {
                Order::Send { conn, .. } => {
                    if let Some((_, packet)) = packets.next() {
                        self.follow(now, fact, *conn, packet, &told)?;
                    }
                }
                Order::Ping { conn } => {
                    let line = self.lines.get_mut(conn);
                    ensure!(line.is_some(), rules::KNOWN, "a ping for {conn:?}");
                    if let Some(line) = line {
                        // Engine.IO 4: beside its own ping, never alone.
                        let alone = line.dialect != Dialect::Eio4 || line.pinged_at == Some(now);
                        ensure!(alone, rules::SILENCE, "{conn:?} is sent a ping frame alone");
                        line.pinged_at = Some(now);
                    }
                }
                Order::Close { conn, code, .. } => self.follow_close(now, fact, *conn, *code)?,
                Order::Arm { .. } | Order::Disarm { .. } => (),
            }
        }
        if self.undecided {
            return Ok(());
        }
        self.end_of_step(now, fact)
    }

    /// Reads all texts of a step. They go to open connections only.
    fn read(&self, orders: &[Order]) -> Result<Vec<(ConnId, Packet)>, Violation> {
        let mut told = Vec::new();
        for order in orders {
            if let Order::Send { conn, text } = order {
                let Some(line) = self.lines.get(conn) else {
                    let detail = format!("{conn:?} is sent {text}");
                    return Err(Violation::new(rules::KNOWN, detail));
                };
                told.push((*conn, crate::texts::read(line.dialect, text)?));
            }
        }
        Ok(told)
    }

    /// Rounds whose time is over end before anything else that happens, also where no player sees
    /// it; somebody who came meanwhile is told the room then.
    fn settle_unseen(&mut self, now: Millis, told: &Told<'_>) -> Check {
        let over = |(&id, room): (&usize, &Room)| {
            let round = room.round.as_ref()?;
            let newcomers = room.seats.iter().flatten().filter_map(|seat| {
                let comer = round.side_of(seat.player).is_none();
                self.players[seat.player].line.filter(|_| comer)
            });
            let seen = newcomers.map(|conn| told.room(conn)).next().unwrap_or(true);
            (round.ends_at <= now && !self.is_watched(round) && seen).then_some(id)
        };
        let unseen: Vec<usize> = self.rooms.iter().filter_map(over).collect();
        for id in unseen {
            self.conclude(now, id, None)?;
            self.follow_early_starts(now, id, told)?;
        }
        Ok(())
    }

    /// Somebody who came in mid-round begins at its end, before what either says is looked at.
    fn follow_early_starts(&mut self, now: Millis, id: usize, told: &Told<'_>) -> Check {
        let wanted = self.rooms.get(&id).is_some_and(|room| self.is_wanted(room));
        for (conn, start) in told.starts().filter(|_| wanted) {
            let player = self.lines.get(&conn).and_then(|line| line.player);
            if let Some(player) = player
                && self.players[player].place == Place::Seat(id)
            {
                let also = told.also_started(self, conn, start);
                let gone = also
                    .is_none()
                    .then(|| self.closing_partner(player))
                    .flatten();
                self.follow_start(now, (player, start), also.or(gone))?;
                if gone.is_some()
                    && let Some(round) =
                        self.rooms.get_mut(&id).and_then(|room| room.round.as_mut())
                {
                    round.untold.clear();
                }
                self.early_starts.push(conn);
            }
        }
        Ok(())
    }

    /// A partner that was still there when the round began, and is gone before it can be told.
    fn closing_partner(&self, player: P) -> Option<P> {
        let partner = self.partner(player)?;
        let conn = self.players[partner].line?;
        self.closing.contains(&conn).then_some(partner)
    }

    /// Whether anybody who plays this round is connected.
    fn is_watched(&self, round: &Round) -> bool {
        round.sides.iter().any(|side| match side.who {
            Who::Human(player) => self.players[player].line.is_some(),
            Who::Robot(_) | Who::Left(..) => false,
        })
    }

    fn end_of_step(&mut self, now: Millis, fact: &Fact) -> Check {
        self.check_owed()?;
        for room in self.rooms.values() {
            if let Some(round) = &room.round {
                let untold = round.untold.is_empty();
                ensure!(untold, rules::START_BOTH, "{:?} got none", round.untold);
            }
        }
        let ghost = self.lines.iter().find(|(_, line)| line.taken_over);
        ensure!(ghost.is_none(), rules::TAKE_OVER, "{ghost:?} is still open");
        self.excuse(now);
        if let Fact::Opened { conn, dialect, .. } = fact {
            let shown = self.shown.get(conn).map_or(0, |shown| shown.packets);
            let want = match dialect {
                Dialect::Plain => 0,
                Dialect::Eio3 => 2,
                Dialect::Eio4 => 1,
            };
            ensure!(
                shown == want,
                rules::OPENING,
                "{dialect:?} opens with {shown} packets"
            );
        }
        if let Some(player) = self.resumed {
            self.check_resumed(now, player)?;
        }
        let readers: Vec<P> = (self.live.iter().copied())
            .filter(|&player| self.players[player].v2 && self.players[player].line.is_some())
            .collect();
        for player in readers {
            self.check_told(now, player)?;
        }
        Ok(())
    }

    /// Nobody waits for a word that was to come.
    fn check_owed(&self) -> Check {
        if let Some((player, uid)) = self.owed_leaves.first() {
            let detail = format!("{} is not told that {uid} left", self.name(*player));
            return Err(Violation::new(rules::LEAVE_ONCE, detail));
        }
        if let Some(player) = self.owed_problems.first() {
            let detail = format!("{} is not told that its room is gone", self.name(*player));
            return Err(Violation::new(rules::PRIVATE, detail));
        }
        if let Some(player) = self.owed_seats.first() {
            let detail = format!("{} is not told that it has no seat", self.name(*player));
            return Err(Violation::new(rules::SEAT_LOST, detail));
        }
        Ok(())
    }

    /// After `hi {resumed:true}`: the round that runs, or else the last result while it is young.
    fn check_resumed(&self, now: Millis, player: P) -> Check {
        let Some(conn) = self.players[player].line else {
            return Ok(());
        };
        let shown = self.shown.get(&conn);
        let start = shown.is_some_and(|shown| shown.start);
        let result = shown.is_some_and(|shown| shown.result);
        if self.round_of(player).is_some() {
            ensure!(start, rules::RESUME, "{} got no start", self.name(player));
        } else if let Some((at, _)) = &self.players[player].last_result {
            let young = now.since(*at) < MINUTE_MS;
            let (who, age) = (self.name(player), now.since(*at));
            ensure!(
                result == young,
                rules::RESUME,
                "{who} was repeated a result of {age} ms: {result}"
            );
        }
        Ok(())
    }

    /// What a v2 client was told of its room last is how its room is.
    fn check_told(&mut self, now: Millis, player: P) -> Check {
        let matches = |shadow: &Self| {
            let want = shadow.room_of(player);
            let told = shadow.players[player].told.as_ref();
            match (&want, told) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some((users, code)), Some(told)) => {
                    let same = |(have, want): (&_, &_)| is_user(have, want);
                    told.code == *code
                        && told.users.len() == users.len()
                        && told.users.iter().zip(users).all(same)
                }
            }
        };
        if !matches(self) {
            self.catch_up(now, player);
        }
        if matches(self) {
            return self.check_number(player);
        }
        let want = self.room_of(player);
        let told = &self.players[player].told;
        let who = self.name(player);
        Err(Violation::new(
            rules::ROOM_TOLD,
            format!("{who} was told {told:?}, it is {want:?}"),
        ))
    }

    /// Both players of a room are told one number for it, which it keeps.
    fn check_number(&mut self, player: P) -> Check {
        let state = &self.players[player];
        if let (Place::Seat(id), Some(told)) = (&state.place, &state.told)
            && let Some(room) = self.rooms.get_mut(id)
        {
            let number = room.number.get_or_insert_with(|| told.room_id.clone());
            let same = *number == told.room_id && number.starts_with("room");
            ensure!(same, rules::ROOM, "{number} is told as {told:?}");
        }
        Ok(())
    }

    /// The users of a player's room and its code, as `room` is to tell them.
    fn room_of(&self, player: P) -> Option<(Vec<User>, Option<String>)> {
        match &self.players[player].place {
            Place::Free => None,
            Place::Lobby(wait) => {
                let ready = wait.parked.is_none().then_some(true);
                let (uid, online) = (self.players[player].uid.clone(), self.is_online(player));
                let user = User {
                    uid,
                    ready,
                    robot: false,
                    online,
                };
                Some((vec![user], None))
            }
            Place::Seat(id) => {
                let room = self.rooms.get(id)?;
                let mut users = Vec::new();
                for (index, seat) in room.seats.iter().enumerate() {
                    let robot = room.round.as_ref().map(|round| &round.sides[index].who);
                    if let Some(seat) = seat {
                        let online = self.is_online(seat.player);
                        let ready = match &room.round {
                            // Who came meanwhile is no side of it yet.
                            Some(round) if round.side_of(seat.player).is_none() => {
                                Some(!seat.says_ready || seat.ready.is_some())
                            }
                            Some(_) => Some(true),
                            None => Some(self.is_willing(seat, room)),
                        };
                        let uid = self.players[seat.player].uid.clone();
                        users.push(User {
                            uid,
                            ready,
                            robot: false,
                            online,
                        });
                    } else if let Some(Who::Robot(uid)) = robot {
                        users.push(User {
                            uid: uid.clone(),
                            ready: Some(true),
                            robot: true,
                            online: true,
                        });
                    }
                }
                Some((users, room.code.clone()))
            }
        }
    }

    fn is_online(&self, player: P) -> bool {
        self.players[player].line.is_some() && !self.players[player].away
    }

    fn name(&self, player: P) -> String {
        let state = &self.players[player];
        format!("player {player} ({:?} on {:?})", state.uid, state.line)
    }

    /// The running round that a player is one side of.
    fn round_of(&self, player: P) -> Option<(usize, &Round, usize)> {
        let Place::Seat(room) = self.players[player].place else {
            return None;
        };
        let round = self.rooms.get(&room)?.round.as_ref()?;
        Some((room, round, round.side_of(player)?))
    }

    /// Whether a seat's player would begin the next round.
    fn is_willing(&self, seat: &Seat, room: &Room) -> bool {
        let willing = if self.players[seat.player].v2 {
            seat.ready.is_some() || room.first && !seat.says_ready
        } else {
            seat.chose
        };
        willing && self.is_online(seat.player)
    }

    /// Whether both would begin the next round, and one of them asked for it.
    fn is_wanted(&self, room: &Room) -> bool {
        let asked = room.first || room.seats.iter().flatten().any(|seat| seat.ready.is_some());
        let willing = |seat: &Option<Seat>| {
            let seat = seat.as_ref();
            seat.is_some_and(|seat| self.is_willing(seat, room))
        };
        room.round.is_none() && asked && room.seats.iter().all(willing)
    }

    /// Whether two who wait may be paired.
    fn may_meet(&self, now: Millis, one: P, other: P) -> bool {
        let apart = |player: P, from: P| match &self.players[player].place {
            Place::Lobby(wait) => {
                wait.apart == Some(from) && now < wait.since + self.config.robot_after_ms
            }
            Place::Free | Place::Seat(_) => false,
        };
        self.players[one].uid != self.players[other].uid && !apart(one, other) && !apart(other, one)
    }

    /// Those who wait and can be paired, with when they began to.
    fn eligible(&self) -> Vec<(Millis, P)> {
        let wait = |&player: &P| match &self.players[player].place {
            Place::Lobby(wait) if wait.parked.is_none() && self.is_online(player) => {
                Some((wait.since, player))
            }
            _ => None,
        };
        self.live.iter().filter_map(wait).collect()
    }

    /// How many rounds run.
    pub(crate) fn rounds(&self) -> usize {
        self.rooms
            .values()
            .filter(|room| room.round.is_some())
            .count()
    }

    /// How many sessions there are.
    pub(crate) fn sessions(&self) -> usize {
        self.live
            .iter()
            .filter(|&&player| self.players[player].v2)
            .count()
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> usize {
        self.lines.len()
    }
}

impl Round {
    fn side_of(&self, player: P) -> Option<usize> {
        let is = |side: &Side| side.who == Who::Human(player);
        self.sides.iter().position(is)
    }
}

/// One user of a room as the model knows it; readiness is not always decided by the contract.
#[derive(Clone, Debug)]
struct User {
    uid: String,
    ready: Option<bool>,
    robot: bool,
    online: bool,
}

fn is_user(have: &crate::texts::RoomUser, want: &User) -> bool {
    have.uid == want.uid
        && want.ready.is_none_or(|ready| ready == have.ready)
        && have.robot == want.robot
        && have.online == want.online
}

/// The names of the rules, as the table of planted bugs refers to them.
pub(crate) mod rules {
    pub(crate) const KNOWN: &str = "nothing is sent to a closed or unknown connection";
    pub(crate) const TIMERS: &str = "timers come to rest";
    pub(crate) const OPENING: &str = "a connection opens as its dialect says";
    pub(crate) const HI_FIRST: &str = "the first event is hi or problem";
    pub(crate) const HI: &str = "hi tells who one is and how many others are online";
    pub(crate) const OLD_EVENTS: &str = "old clients see old events only";
    pub(crate) const ACK: &str = "an acknowledgement comes once and first";
    pub(crate) const REFUSAL: &str = "an event is refused exactly when the contract says";
    pub(crate) const RATE: &str = "the rate limit is a bucket of two seconds";
    pub(crate) const START: &str = "a start tells the round as it is";
    pub(crate) const START_FROM: &str = "a start comes out of the lobby or a full room";
    pub(crate) const START_BOTH: &str = "both players get the same start, once";
    pub(crate) const TWO_UIDS: &str = "nobody plays against its own uid";
    pub(crate) const RESULT_ONE: &str = "each start gets exactly one result";
    pub(crate) const RESULT_TIME: &str = "a result comes exactly at the deadline";
    pub(crate) const RESULT_ROWS: &str = "a result is judged and scored by the rules";
    pub(crate) const LEAVE_ONCE: &str = "a partner's going is told once";
    pub(crate) const SEAT_LOST: &str = "who comes back to no seat is told so, once";
    pub(crate) const MOVEMENT: &str = "a movement tells what the partner just did";
    pub(crate) const MOVEMENT_PACE: &str = "movements keep the relay interval";
    pub(crate) const MOVEMENT_SENT: &str = "a movement is relayed in time";
    pub(crate) const ROOM: &str = "room has one or two users, among them oneself";
    pub(crate) const ROOM_TOLD: &str = "v2 clients know their room";
    pub(crate) const ROOM_FIRST: &str = "room comes before start";
    pub(crate) const PRIVATE: &str = "private rooms expire and never have robots";
    pub(crate) const LONGEST: &str = "who waits longest is paired first";
    pub(crate) const BOTH_WAIT: &str = "two who may be paired never both wait";
    pub(crate) const LOBBY_WAIT: &str = "no lobby wait exceeds robot-after and gameTime";
    /// Implied by the rules of the lobby and of rematches, so no bug of its own is planted: it is
    /// here because it is what players feel.
    pub(crate) const JOIN_WAIT: &str = "from join to start at most the three waits";
    pub(crate) const ROBOT_EARLY: &str = "no robot comes before its time";
    pub(crate) const ROBOT_LATE: &str = "a robot comes in time where no human can";
    pub(crate) const FROZEN: &str = "a frozen button is freed";
    pub(crate) const REMATCH: &str = "two who sit together start when both are ready";
    pub(crate) const RESUME: &str = "a session is resumed where it was";
    pub(crate) const TAKE_OVER: &str = "a taken-over connection is closed at once";
    pub(crate) const BYE: &str = "bye precedes every close for v2";
    pub(crate) const STAY_AWAY: &str = "41 precedes exactly the closes that mean stay away";
    pub(crate) const CLOSE: &str = "a close has a cause";
    pub(crate) const SILENCE: &str = "silence ends a connection in time";
    pub(crate) const ROUNDS: &str = "running rounds are counted";
    pub(crate) const KEYS: &str = "texts have exactly the contract's keys in order";
    pub(crate) const OUTLIVES: &str = "no timer, session or room outlives its owner";
    pub(crate) const SAME_BYTES: &str = "the same seed gives the same bytes";
    pub(crate) const RELOAD: &str = "a reload changes nothing";
}

impl Figures {
    pub(crate) fn add(&mut self, other: &Self) {
        self.human_rounds += other.human_rounds;
        self.robot_rounds += other.robot_rounds;
        self.rematches += other.rematches;
        self.private_rounds += other.private_rounds;
        self.results += other.results;
        self.resumes += other.resumes;
        self.takeovers += other.takeovers;
        self.thaws += other.thaws;
        self.leavers += other.leavers;
        self.evictions += other.evictions;
        self.expiries += other.expiries;
        self.movements += other.movements;
        self.robot_faces += other.robot_faces;
        self.robots_at_once += other.robots_at_once;
        self.closes += other.closes;
        self.longest_wait_ms = self.longest_wait_ms.max(other.longest_wait_ms);
    }

    /// Whether everything that is counted happened.
    pub(crate) fn is_everywhere(&self) -> bool {
        [
            self.human_rounds,
            self.robot_rounds,
            self.rematches,
            self.private_rounds,
            self.results,
            self.resumes,
            self.takeovers,
            self.thaws,
            self.leavers,
            self.evictions,
            self.expiries,
            self.movements,
            self.robot_faces,
            self.robots_at_once,
            self.closes,
        ]
        .iter()
        .all(|&count| 10 < count)
    }
}

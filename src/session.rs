//! What one connection's protocol has to remember: dialect, opening, heartbeat, rate, player.
//!
//! No rooms, no sockets, no JSON. A session is told the time; it asks for one timer, the lazy one:
//! traffic only notes when it came, the timer looks at that when it fires. How it is carried to
//! another process is in `snapshot`.

mod snapshot;

use serde::{Deserialize, Serialize};

pub use self::snapshot::SessionSnapshot;
use crate::model::{ClientKind, CloseReason, Origin, PlayerId, Vouched};
use crate::time::Millis;
use crate::wire::{self, Dialect, Inbound};

/// Events a client may send in one go before the rate limit counts: twice a second's share.
const BURST_SECONDS: u64 = 2;
/// After this time without an event all of them may be sent again.
pub const BURST_MS: u64 = BURST_SECONDS * 1_000;
/// Dropped events within [`FLOOD_WINDOW_MS`] that end a connection.
const FLOOD_DROPS_MAX: u32 = 100;
/// From the first dropped event on.
const FLOOD_WINDOW_MS: u64 = 10_000;
/// A client is told at most this often that it is too fast.
const TOLD_EVERY_MS: u64 = 1_000;
/// Wrong room codes within a minute; a code has 29 bits, guessing must not pay.
pub const WRONG_CODES_MAX: u32 = 10;
/// From the first wrong code on.
const CODES_WINDOW_MS: u64 = 60_000;

/// A moment that does not come.
const NEVER: Millis = Millis(u64::MAX);

/// The durations a session goes by, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Silence after which a ping is sent; Engine.IO 4: between any two pings.
    pub ping_interval_ms: u64,
    /// Old clients: silence beyond the interval that ends the connection.
    pub ping_timeout_ms: u64,
    /// Engine.IO 4: silence beyond the interval that ends the connection.
    pub ping_timeout_eio4_ms: u64,
    /// v2 clients: time to answer a ping.
    pub ping_timeout_v2_ms: u64,
    /// Time for the first packet.
    pub hello_timeout_ms: u64,
    /// Events per second; 0 is without limit.
    pub rate_limit: u32,
}

/// What the session's timer found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// Nothing to do yet.
    Steady,
    /// A WebSocket ping is due.
    PingFrame,
    /// An Engine.IO ping is due, and a WebSocket ping beside it: an answer to either will do.
    PingPacket,
    /// No sign of life for too long.
    Dead,
    /// Not one packet of the dialect came.
    Mute,
}

/// One connection's memory.
#[derive(Debug)]
pub struct Session {
    /// Which of the connections that had its index this one is: the hub's.
    pub generation: u32,
    /// What it speaks.
    pub dialect: Dialect,
    /// With whom it shares the limits that the hub keeps.
    pub from: Option<Origin>,
    /// For whom it speaks, once it said `hello` or `join`.
    pub player: Option<PlayerId>,
    /// Its client named itself a v2 client.
    pub v2: bool,
    /// Rounds that started on this connection.
    pub rounds: u32,
    /// Engine.IO 4: the default namespace was entered.
    connected: bool,
    /// A packet of the dialect came.
    spoke: bool,
    /// The low bits of when it was opened, until it speaks, which is soon; from a v2 client's
    /// `hello` on, of which of all `hello`s that was.
    opened_or_hello: u32,
    seen_at: Millis,
    /// When it was pinged last, if it has not answered since; else [`NEVER`]. Engine.IO 4: when it
    /// was pinged last, or else opened.
    pinged_at: Millis,
    /// When its events will all be earned back: a moment times the rate, which is in thousandths of
    /// an event.
    earned_at: u64,
    /// Most clients never cause any, so it stands apart.
    trouble: Option<Box<Trouble>>,
}

const _: () = assert!(
    size_of::<Option<Session>>() <= 64,
    "one for every connection"
);

/// What most clients never need: what this one did wrong lately, what it waits for, and who it was
/// said to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Trouble {
    /// It waits for the store until then, and nothing is read from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_until: Option<Millis>,
    /// The payload of the latest ping frame that is not answered yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    ping: Option<Box<[u8]>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    told_at: Option<Millis>,
    #[serde(skip_serializing_if = "Window::is_empty")]
    drops: Window,
    #[serde(skip_serializing_if = "Window::is_empty")]
    wrong_codes: Window,
    /// What came of the signed token in Socket.IO's connect packet, until its `hello`.
    #[serde(skip_serializing_if = "Option::is_none")]
    vouched: Option<Vouched>,
}

/// Counts happenings in a window that begins with the first of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Window {
    since: Millis,
    count: u32,
}

impl Window {
    fn count(&mut self, now: Millis, window_ms: u64) -> u32 {
        if self.count == 0 || window_ms <= now.since(self.since) {
            *self = Self {
                since: now,
                count: 0,
            };
        }
        self.count = self.count.saturating_add(1);
        self.count
    }

    fn is_full(&self, now: Millis, window_ms: u64, most: u32) -> bool {
        most <= self.count && now.since(self.since) < window_ms
    }
}

impl Session {
    /// A connection that was just opened.
    #[must_use]
    pub fn new(now: Millis, dialect: Dialect, from: Option<Origin>) -> Self {
        Self {
            generation: 0,
            dialect,
            from,
            player: None,
            v2: false,
            rounds: 0,
            connected: dialect != Dialect::Eio4,
            spoke: false,
            opened_or_hello: low_bits(now),
            seen_at: now,
            pinged_at: if dialect == Dialect::Eio4 { now } else { NEVER },
            earned_at: 0,
            trouble: None,
        }
    }

    /// What is at its other end, as far as it has said.
    #[must_use]
    pub fn client(&self) -> ClientKind {
        match (self.v2, self.player) {
            (true, _) => ClientKind::V2,
            (false, Some(_)) => ClientKind::Old,
            (false, None) => ClientKind::New,
        }
    }

    /// Notes a sign of life.
    pub fn seen(&mut self, now: Millis) {
        self.seen_at = now;
        // Answered, whatever it was; Engine.IO 4 pings on, regardless of what comes.
        if self.dialect != Dialect::Eio4 {
            self.pinged_at = NEVER;
        }
    }

    /// Reads one text message.
    ///
    /// # Errors
    ///
    /// The fault of the dialect to close with, also for an event before the namespace is entered.
    pub fn receive<'a>(&mut self, now: Millis, text: &'a str) -> Result<Inbound<'a>, CloseReason> {
        self.seen(now);
        let inbound = wire::decode(self.dialect, text)?;
        self.spoke = true;
        match inbound {
            Inbound::Connect { .. } if self.connected => Ok(Inbound::Nothing),
            Inbound::Connect { .. } => {
                self.connected = true;
                Ok(inbound)
            }
            Inbound::Event { .. } if !self.connected => Err(CloseReason::EarlyEvent),
            _ => Ok(inbound),
        }
    }

    /// Takes one event off the rate limit; `false` when nothing is left of it.
    pub fn allow(&mut self, now: Millis, pace: &Pace) -> bool {
        if pace.rate_limit == 0 {
            return true;
        }
        // An event a second is one thousandth of an event a millisecond, so the units fit.
        let rate = u64::from(pace.rate_limit);
        let earned_by_now = now.0.saturating_mul(rate);
        let earned_at = self.earned_at.max(earned_by_now).saturating_add(1_000);
        let within = earned_at - earned_by_now <= rate * BURST_MS;
        if within {
            self.earned_at = earned_at;
        }
        within
    }

    /// What its player has not earned back of the rate limit, for [`inherit`](Self::inherit).
    pub fn owes(&self, now: Millis, pace: &Pace) -> Option<u64> {
        let earned_by_now = now.0.saturating_mul(pace.rate_limit.into());
        Some(self.earned_at).filter(|&earned_at| earned_by_now < earned_at)
    }

    /// Goes on with the rate limit where the former connection of its player was: a new one is not
    /// another burst.
    ///
    /// # Errors
    ///
    /// Both together are over it; the milliseconds until they are not.
    pub fn inherit(&mut self, now: Millis, pace: &Pace, earned_at: u64) -> Result<(), u64> {
        let rate = u64::from(pace.rate_limit);
        let earned_by_now = now.0.saturating_mul(rate);
        let owed = earned_at.saturating_sub(earned_by_now);
        let earned_at = self.earned_at.max(earned_by_now).saturating_add(owed);
        let over = (earned_at - earned_by_now).saturating_sub(rate * BURST_MS);
        if 0 < over {
            return Err(over.div_ceil(rate.max(1)));
        }
        self.earned_at = earned_at;
        Ok(())
    }

    /// Notes that something came over the limit; whether it was one too many.
    pub fn over_limit(&mut self, now: Millis) -> bool {
        let trouble = self.trouble.get_or_insert_default();
        FLOOD_DROPS_MAX <= trouble.drops.count(now, FLOOD_WINDOW_MS)
    }

    /// Whether the client is to be told that it is too fast, for it was not lately.
    pub fn tells_too_fast(&mut self, now: Millis) -> bool {
        let trouble = self.trouble.get_or_insert_default();
        let lately = |told| now.since(told) < TOLD_EVERY_MS;
        let due = !trouble.told_at.is_some_and(lately);
        if due {
            trouble.told_at = Some(now);
        }
        due
    }

    /// Keeps a ping frame that came over the limit, in place of an earlier one, to be answered when
    /// [`deadline`](Self::deadline) has come.
    pub fn keep_ping(&mut self, payload: &[u8]) {
        self.trouble.get_or_insert_default().ping = Some(payload.into());
    }

    /// Whether a ping frame waits for its answer.
    #[must_use]
    pub fn owes_pong(&self) -> bool {
        let trouble = self.trouble.as_ref();
        trouble.is_some_and(|trouble| trouble.ping.is_some())
    }

    /// The payload of the ping frame that waits for its answer.
    pub fn take_ping(&mut self) -> Option<Box<[u8]>> {
        self.trouble.as_mut()?.ping.take()
    }

    /// Nothing is read from it until then.
    pub fn hold(&mut self, until: Millis) {
        self.trouble.get_or_insert_default().held_until = Some(until);
    }

    /// It is read again.
    pub fn release(&mut self) {
        if let Some(trouble) = &mut self.trouble {
            trouble.held_until = None;
            if **trouble == Trouble::default() {
                self.trouble = None;
            }
        }
    }

    /// Until when nothing is read from it at most, if so.
    #[must_use]
    pub fn held_until(&self) -> Option<Millis> {
        self.trouble.as_ref()?.held_until
    }

    /// Whether nothing is read from it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held_until().is_some()
    }

    /// Keeps what came of the signed token in its connect packet.
    pub fn keep_vouched(&mut self, vouched: Vouched) {
        self.trouble.get_or_insert_default().vouched = Some(vouched);
    }

    /// What came of that token, once.
    pub fn take_vouched(&mut self) -> Option<Vouched> {
        self.trouble.as_mut()?.vouched.take()
    }

    /// Whether this connection may try another room code.
    #[must_use]
    pub fn may_try_code(&self, now: Millis) -> bool {
        self.trouble.as_ref().is_none_or(|trouble| {
            let codes = &trouble.wrong_codes;
            !codes.is_full(now, CODES_WINDOW_MS, WRONG_CODES_MAX)
        })
    }

    /// Notes a wrong room code.
    pub fn wrong_code(&mut self, now: Millis) {
        let trouble = self.trouble.get_or_insert_default();
        trouble.wrong_codes.count(now, CODES_WINDOW_MS);
    }

    /// A code that was taken for wrong is right.
    pub fn right_code(&mut self) {
        if let Some(trouble) = &mut self.trouble {
            trouble.wrong_codes.count = trouble.wrong_codes.count.saturating_sub(1);
        }
    }

    /// Looks at the clock; call it when the session's timer fired, then arm [`Session::deadline`].
    pub fn pulse(&mut self, now: Millis, pace: &Pace) -> Pulse {
        if self.dies_at(pace) <= now {
            return Pulse::Dead;
        }
        if !self.spoke && self.opened_at(now) + pace.hello_timeout_ms <= now {
            return Pulse::Mute;
        }
        if now < self.pings_at(pace) {
            return Pulse::Steady;
        }
        self.pinged_at = now;
        if self.dialect == Dialect::Eio4 {
            Pulse::PingPacket
        } else {
            Pulse::PingFrame
        }
    }

    /// When the session's timer is wanted next, after `now`: never later than the next [`Pulse`]
    /// but `Steady`.
    #[must_use]
    pub fn deadline(&self, now: Millis, pace: &Pace) -> Millis {
        let mut at = self.dies_at(pace).min(self.pings_at(pace));
        if let Some(pinged) = self.pinged() {
            // Answered or not, the next ping may be due an interval after this one.
            let intervals = now.since(pinged) / pace.ping_interval_ms.max(1) + 1;
            at = at.min(pinged + intervals.saturating_mul(pace.ping_interval_ms.max(1)));
        }
        if !self.spoke {
            at = at.min(self.opened_at(now) + pace.hello_timeout_ms);
        }
        if self.owes_pong() {
            at = at.min(self.allows_at(now, pace));
        }
        if let Some(until) = self.held_until() {
            at = at.min(until);
        }
        at
    }

    /// When it was opened, if it has not spoken.
    fn opened_at(&self, now: Millis) -> Millis {
        now - u64::from(low_bits(now).wrapping_sub(self.opened_or_hello))
    }

    /// It is a v2 client's, and this `hello` the `nth` of all.
    pub fn said_hello(&mut self, nth: u32) {
        (self.v2, self.opened_or_hello) = (true, nth);
    }

    /// Which of all `hello`s its own was, if it is a v2 client's.
    fn nth_hello(&self) -> Option<u32> {
        self.v2.then_some(self.opened_or_hello)
    }

    /// Whether it said `hello` after another one did.
    #[must_use]
    pub fn came_after(&self, other: &Self) -> bool {
        let nths = self.nth_hello().zip(other.nth_hello());
        nths.is_some_and(|(own, others)| others != own && own.wrapping_sub(others) < 1 << 31)
    }

    /// When the next event is within the limit, after `now`.
    fn allows_at(&self, now: Millis, pace: &Pace) -> Millis {
        let rate = u64::from(pace.rate_limit).max(1);
        let after_one = self.earned_at.saturating_add(1_000);
        let at = after_one.saturating_sub(rate * BURST_MS);
        Millis(at.div_ceil(rate)).max(now + 1)
    }

    fn pinged(&self) -> Option<Millis> {
        Some(self.pinged_at).filter(|&at| at != NEVER)
    }

    /// A v2 client is pinged once and then waited for; others are pinged on.
    fn pings_at(&self, pace: &Pace) -> Millis {
        let last = match (self.dialect, self.pinged()) {
            (Dialect::Eio4, _) => self.pinged_at,
            (_, Some(_)) if self.v2 => return NEVER,
            (_, pinged) => self.seen_at.max(pinged.unwrap_or_default()),
        };
        last + pace.ping_interval_ms
    }

    /// A v2 client is never given up before it was pinged, however long we ourselves stood still.
    fn dies_at(&self, pace: &Pace) -> Millis {
        match (self.dialect, self.v2) {
            (Dialect::Eio4, _) => self.seen_at + pace.ping_interval_ms + pace.ping_timeout_eio4_ms,
            (_, false) => self.seen_at + pace.ping_interval_ms + pace.ping_timeout_ms,
            (_, true) => match self.pinged() {
                Some(pinged) => pinged + pace.ping_timeout_v2_ms,
                None => NEVER,
            },
        }
    }
}

fn low_bits(at: Millis) -> u32 {
    at.0 as u32
}

#[cfg(test)]
mod tests {
    use super::Dialect::{Eio3, Eio4, Plain};
    use super::*;

    const PACE: Pace = Pace {
        ping_interval_ms: 25_000,
        ping_timeout_ms: 60_000,
        ping_timeout_eio4_ms: 20_000,
        ping_timeout_v2_ms: 10_000,
        hello_timeout_ms: 30_000,
        rate_limit: 10,
    };

    /// Runs a session that spoke at 0 and was seen at the given moments, until it dies.
    fn life(dialect: Dialect, v2: bool, seen: &[u64]) -> Vec<(u64, Pulse)> {
        let mut session = Session::new(Millis(0), dialect, None);
        session.spoke = true;
        session.v2 = v2;
        let mut seen = seen.iter().copied().peekable();
        let mut pulses = Vec::new();
        let mut now = Millis(0);
        loop {
            let at = session.deadline(now, &PACE);
            assert!(now < at, "the timer would fire forever");
            now = at;
            while let Some(moment) = seen.next_if(|&moment| moment <= at.0) {
                session.seen(Millis(moment));
            }
            let pulse = session.pulse(at, &PACE);
            if pulse != Pulse::Steady {
                pulses.push((at.0 / 1000, pulse));
            }
            if matches!(pulse, Pulse::Dead | Pulse::Mute) {
                return pulses;
            }
        }
    }

    #[test]
    fn every_dialect_and_generation_has_its_heartbeat() {
        use Pulse::{Dead, PingFrame, PingPacket};
        let old = vec![
            (25, PingFrame),
            (50, PingFrame),
            (75, PingFrame),
            (85, Dead),
        ];
        assert_eq!(life(Plain, false, &[]), old);
        assert_eq!(life(Eio3, false, &[]), old);
        assert_eq!(life(Plain, true, &[]), [(25, PingFrame), (35, Dead)]);
        assert_eq!(life(Eio4, false, &[]), [(25, PingPacket), (45, Dead)]);
        assert_eq!(life(Eio4, true, &[]), [(25, PingPacket), (45, Dead)]);
        // Seen at 10 s: everything is counted from there, but for Engine.IO 4's fixed ping.
        assert_eq!(life(Plain, true, &[10_000]), [(35, PingFrame), (45, Dead)]);
        assert_eq!(
            life(Eio4, false, &[10_000]),
            [(25, PingPacket), (50, PingPacket), (55, Dead)]
        );
        // An answered ping.
        assert_eq!(
            life(Plain, true, &[25_100]),
            [(25, PingFrame), (50, PingFrame), (60, Dead)]
        );
    }

    #[test]
    fn a_v2_client_is_given_up_after_one_unanswered_ping_and_never_without_one() {
        let pace = Pace {
            ping_interval_ms: 500,
            ping_timeout_v2_ms: 700,
            ..PACE
        };
        let mut session = Session::new(Millis(0), Plain, None);
        (session.spoke, session.v2) = (true, true);
        assert_eq!(session.pulse(Millis(500), &pace), Pulse::PingFrame);
        // It looks again when the next ping would be due, but no second ping puts the end off.
        assert_eq!(session.deadline(Millis(500), &pace), Millis(1_000));
        assert_eq!(session.pulse(Millis(1_000), &pace), Pulse::Steady);
        assert_eq!(session.deadline(Millis(1_000), &pace), Millis(1_200));
        assert_eq!(session.pulse(Millis(1_200), &pace), Pulse::Dead);
        // One that answers is pinged every interval, however long the patience.
        let mut session = Session::new(Millis(0), Plain, None);
        (session.spoke, session.v2) = (true, true);
        assert_eq!(session.pulse(Millis(500), &pace), Pulse::PingFrame);
        session.seen(Millis(510));
        assert_eq!(session.deadline(Millis(1_000), &pace), Millis(1_010));
        // The loop stood still for a minute: nobody could have answered what was not asked.
        let mut session = Session::new(Millis(0), Plain, None);
        (session.spoke, session.v2) = (true, true);
        assert_eq!(session.pulse(Millis(60_000), &pace), Pulse::PingFrame);
        assert_eq!(session.pulse(Millis(60_700), &pace), Pulse::Dead);
    }

    #[test]
    fn who_never_speaks_is_sent_away() {
        for dialect in [Plain, Eio3, Eio4] {
            let mut session = Session::new(Millis(0), dialect, None);
            assert!(session.deadline(Millis(0), &PACE) <= Millis(25_000));
            session.pulse(Millis(25_000), &PACE);
            session.seen(Millis(29_000));
            assert_eq!(session.deadline(Millis(0), &PACE), Millis(30_000));
            assert_eq!(session.pulse(Millis(30_000), &PACE), Pulse::Mute);
        }
    }

    #[test]
    fn ten_a_second_and_twenty_at_once() {
        let mut session = Session::new(Millis(0), Plain, None);
        let mut within = |at: u64| session.allow(Millis(at), &PACE);
        assert_eq!((0..30).filter(|_| within(0)).count(), 20);
        assert!(!within(99));
        assert!(within(100));
        assert!(!within(150));
        assert_eq!(
            (0..100).filter(|tick| within(1_000 + tick * 100)).count(),
            100
        );
        assert_eq!((0..30).filter(|_| within(1_000_000)).count(), 20);
        let off = Pace {
            rate_limit: 0,
            ..PACE
        };
        let mut session = Session::new(Millis(0), Plain, None);
        assert!((0..10_000).all(|_| session.allow(Millis(0), &off)));
    }

    #[test]
    fn a_new_connection_is_not_another_burst() {
        let at = Millis(1_000);
        let spent = |events: usize| {
            let mut session = Session::new(Millis(0), Plain, None);
            assert!((0..events).all(|_| session.allow(at, &PACE)));
            session
        };
        assert_eq!(spent(0).owes(at, &PACE), None);
        let former = spent(12).owes(at, &PACE).expect("twelve events");
        let mut session = spent(1);
        assert_eq!(session.inherit(at, &PACE, former), Ok(()));
        let left = (0..30).filter(|_| session.allow(at, &PACE)).count();
        assert_eq!(left, 20 - 12 - 1);
        // All of them, and the greeting is one too many: a tenth of a second later it is not.
        let former = spent(20).owes(at, &PACE).expect("twenty events");
        assert_eq!(spent(1).inherit(at, &PACE, former), Err(100));
        let later = Millis(1_100);
        let mut session = Session::new(later, Plain, None);
        assert!(session.allow(later, &PACE));
        assert_eq!(session.inherit(later, &PACE, former), Ok(()));
        assert!(!session.allow(later, &PACE));
        // After two seconds nothing is owed.
        assert_eq!(spent(20).owes(at + BURST_MS, &PACE), None);
        let off = Pace {
            rate_limit: 0,
            ..PACE
        };
        let mut session = Session::new(Millis(0), Plain, None);
        assert!(session.allow(at, &off) && session.inherit(at, &off, 0).is_ok());
        assert_eq!(session.owes(at, &off), None);
    }

    #[test]
    fn a_flood_is_told_once_a_second_and_ended_at_the_hundredth_drop() {
        let mut session = Session::new(Millis(0), Plain, None);
        assert!(session.tells_too_fast(Millis(0)));
        assert!(!session.tells_too_fast(Millis(999)));
        assert!(session.tells_too_fast(Millis(1_000)));
        for drop in 0..99 {
            assert!(!session.over_limit(Millis(drop)));
        }
        assert!(session.over_limit(Millis(9_999)));
        let mut session = Session::new(Millis(0), Plain, None);
        for drop in 0..1_000 {
            assert!(!session.over_limit(Millis(drop * 120)), "100 take 12 s");
        }
    }

    #[test]
    fn engine_io_4_wants_to_be_entered_first() {
        let mut session = Session::new(Millis(0), Eio4, None);
        assert_eq!(session.receive(Millis(0), "2"), Ok(Inbound::Ping));
        assert_eq!(
            session.receive(Millis(0), "42[\"join\"]"),
            Err(CloseReason::EarlyEvent)
        );
        let connect = Inbound::Connect { credentials: "" };
        assert_eq!(session.receive(Millis(0), "40"), Ok(connect));
        assert_eq!(session.receive(Millis(0), "40"), Ok(Inbound::Nothing));
        assert!(session.receive(Millis(0), "42[\"join\"]").is_ok());
    }

    #[test]
    fn ten_wrong_codes_a_minute() {
        let mut session = Session::new(Millis(0), Plain, None);
        for moment in 0..10 {
            assert!(session.may_try_code(Millis(moment)));
            session.wrong_code(Millis(moment));
        }
        assert!(!session.may_try_code(Millis(10)));
        assert!(!session.may_try_code(Millis(59_999)));
        assert!(session.may_try_code(Millis(60_000)));
    }
}

//! Players in pairs, kept in their rooms, who show each other faces.
//!
//! A pair plays one round as a draw and stays seated, which every server of this game allows, the
//! original too: old clients keep their seats after a draw in which they chose. Faces are relayed
//! then as in a round. Where rounds are long (`--game-time 60s`) the first one is not waited for.
//! Absent: when a face is sent.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::Progress;
use super::fleet::{Crew, Fleet, Happening, Play};
use super::options::Options;
use super::report::{Report, histogram};
use super::words::{self, Start, Word};

/// A pair that played longer ago plays again, before the server takes it apart after 60 s.
const STAY: Duration = Duration::from_secs(40);
/// Rounds longer than this are not waited for.
const ROUND_SECONDS_MAX: u32 = 5;
/// Longest time to seat everybody.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Default)]
struct Seat {
    partner: Option<usize>,
    game_time: u32,
    result_at: Option<Instant>,
}

/// All pairs.
pub(super) struct Seats {
    by_uid: HashMap<String, usize>,
    seats: Vec<Seat>,
    seated: usize,
    settled: usize,
    v2: bool,
    /// What faces count their microseconds from.
    pub(super) epoch: Instant,
    /// Faces due or sent since then are recorded; others only counted.
    pub(super) record_from: Option<u32>,
    /// Whoever's face arrived sends the next one.
    pub(super) answering: bool,
    /// All faces that arrived so far.
    pub(super) arrived: u64,
    /// All faces that were sent so far.
    pub(super) sent: u64,
    /// From the moment a face carries to its arrival, in microseconds.
    pub(super) latencies: Histogram<u64>,
    problems: u64,
    first_problem: String,
    /// A sentence about what went wrong.
    fault: Option<String>,
    text: String,
}

impl Seats {
    /// Nobody seated yet.
    pub(super) fn new(options: &Options) -> Self {
        Self {
            by_uid: HashMap::new(),
            seats: Vec::new(),
            seated: 0,
            settled: 0,
            v2: options.v2,
            epoch: Instant::now(),
            record_from: None,
            answering: false,
            arrived: 0,
            sent: 0,
            latencies: histogram(),
            problems: 0,
            first_problem: String::new(),
            fault: None,
            text: String::new(),
        }
    }

    /// Connects so many players and seats them; `beside` others only say hello.
    ///
    /// # Errors
    ///
    /// A sentence: one was lost, or sits with a stranger, or nobody asks them to sit down.
    pub(super) fn gather(
        &mut self,
        fleet: &mut Fleet,
        count: usize,
        beside: usize,
        progress: &mut Progress,
    ) -> Result<(), String> {
        self.seats.resize(count, Seat::default());
        let all = count + beside;
        fleet.gather(all, self, |greeted| {
            progress.say(|| format!("{greeted} of {all} greeted"));
        })?;
        for index in 0..count {
            fleet.crew.send(index, "[\"join\"]");
        }
        let begun = Instant::now();
        while self.settled < count {
            fleet.turn(Some(Duration::from_millis(100)), self)?;
            self.check(fleet)?;
            progress.say(|| format!("{} of {count} seated", self.seated));
            if PATIENCE < begun.elapsed() {
                let (seated, settled) = (self.seated, self.settled);
                return Err(format!(
                    "of {count} players {seated} sat down, and {settled} finished their round"
                ));
            }
        }
        self.epoch = Instant::now();
        Ok(())
    }

    /// A sentence about what went wrong, if anything did.
    ///
    /// # Errors
    ///
    /// That sentence.
    pub(super) fn check(&self, fleet: &Fleet) -> Result<(), String> {
        fleet.crew.check()?;
        match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => Ok(()),
        }
    }

    /// Microseconds since the epoch, as a face carries them.
    pub(super) fn moment(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.epoch).as_micros() as u32
    }

    /// Queues a face that carries a moment.
    pub(super) fn show(&mut self, crew: &mut Crew, index: usize, moment: u32) {
        self.text.clear();
        let _ = write!(self.text, "[\"face\",{{\"face\":{moment}}}]");
        crew.send(index, &self.text);
        self.sent += 1;
    }

    /// Lets pairs play again that the server would take apart soon. Call it about once a second.
    pub(super) fn keep(&mut self, crew: &mut Crew) {
        let now = Instant::now();
        for index in 0..self.seats.len() {
            let seat = &mut self.seats[index];
            let leads = seat.partner.is_some_and(|partner| index < partner);
            let old = seat
                .result_at
                .is_some_and(|at| STAY < now.saturating_duration_since(at));
            // Clients of the second generation say for themselves that they play on.
            if old && (leads || self.v2) {
                seat.result_at = None;
                crew.send(index, "[\"join\"]");
            }
        }
    }

    /// Adds what the server refused, if anything.
    pub(super) fn report(&self, report: &mut Report) {
        if 0 < self.problems {
            let (count, first) = (self.problems, &self.first_problem);
            report.fail(format!(
                "the server refused {count} events, first {first}; \
                 it needs --rate-limit 0 --relay-interval 0"
            ));
        }
    }

    fn start(&mut self, crew: &mut Crew, index: usize, start: &Start) {
        let users = &start.room_users;
        let partner = users
            .iter()
            .filter_map(|user| self.by_uid.get(&user.uid))
            .copied()
            .find(|other| *other != index);
        let Some(seat) = self.seats.get_mut(index) else {
            return;
        };
        if partner.is_none() {
            let other = users.iter().map(|user| user.uid.as_str());
            let other: Vec<_> = other.collect();
            self.fault = Some(format!(
                "a player sits with a stranger or a robot: {}",
                other.join(", ")
            ));
            return;
        }
        if seat.partner.is_none() {
            self.seated += 1;
            if ROUND_SECONDS_MAX < start.game_time {
                self.settled += 1;
            }
        }
        seat.partner = partner;
        seat.game_time = start.game_time;
        seat.result_at = None;
        // All choose the same: a draw keeps everybody seated, with an unchanged score.
        crew.send(index, "[\"choice\",{\"choice\":1}]");
    }

    fn arrive(&mut self, crew: &mut Crew, index: usize, face: u32) {
        self.arrived += 1;
        if self.record_from.is_some_and(|from| from <= face) {
            let time = self.moment(crew.now).saturating_sub(face);
            self.latencies.saturating_record(u64::from(time));
        }
        if self.answering
            && let Some(partner) = self.seats.get(index).and_then(|seat| seat.partner)
        {
            let moment = self.moment(crew.now);
            self.show(crew, partner, moment);
        }
    }
}

impl Play for Seats {
    fn on(&mut self, crew: &mut Crew, index: usize, what: Happening<'_>) {
        let event = match what {
            Happening::Event(event) => event,
            Happening::Greeted(hi) => {
                let uid = words::uid_of_hi(hi).unwrap_or_else(|| crew.uid(index));
                self.by_uid.insert(uid, index);
                return;
            }
            Happening::Ended | Happening::Lost => return,
        };
        match words::read(event) {
            Word::Face(face) => self.arrive(crew, index, face),
            Word::Start(start) => self.start(crew, index, &start),
            Word::Result(_) => {
                let now = crew.now;
                if let Some(seat) = self.seats.get_mut(index) {
                    let first = seat.game_time <= ROUND_SECONDS_MAX && seat.result_at.is_none();
                    seat.result_at = Some(now);
                    // Later rounds find everybody settled already.
                    self.settled += usize::from(first && self.settled < self.seats.len());
                }
            }
            Word::Leave => self.fault = Some("a pair was taken apart by the server".into()),
            Word::Problem(problem) => {
                if self.problems == 0 {
                    self.first_problem = problem;
                }
                self.problems += 1;
            }
            Word::Broken => self.fault = Some(format!("this event is none of the game's: {event}")),
            Word::Choice | Word::Other => (),
        }
    }
}

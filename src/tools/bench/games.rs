//! Whole games: everybody plays round after round, and every result is checked against the rules.
//!
//! The rules stand here once more, in the few lines of a client that knows only what the wire
//! says: a checker that called the server's own code would find nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use fastrand::Rng;
use hdrhistogram::Histogram;

use super::Progress;
use super::fleet::{Crew, Fleet, Happening, Play};
use super::options::{Mode, Options};
use super::report::{Meter, Report, histogram};
use super::words::{self, Row, Start, Word};

/// How long after its due time a result is still waited for.
const GRACE: Duration = Duration::from_secs(3);
/// A client cannot tell a result that comes early from a `start` that came late, within this.
const EARLY_US: u64 = 50_000;
/// Players join one after the other, as in life: the rounds of a crowd that joins in one go would
/// also end in one go, for ever.
const JOIN_EVERY: Duration = Duration::from_micros(750);
/// As long as a round: then they are spread evenly.
const SPREAD_MAX: Duration = Duration::from_secs(3);

#[derive(Default)]
struct Player {
    uid: String,
    choice: Option<u8>,
    round: Option<Round>,
    /// Total and streak as the last result told them.
    score: Option<(u64, u64)>,
}

struct Round {
    started: Instant,
    game_time: Duration,
    users: [Row; 2],
    /// Its result is waited for: it began before the end.
    counts: bool,
}

struct Games {
    by_uid: HashMap<String, usize>,
    players: Vec<Player>,
    v2: bool,
    rng: Rng,
    /// Nobody asks for another round any more.
    ending: bool,
    running: usize,
    longest: Duration,
    results: u64,
    robots: u64,
    wrong: u64,
    first_wrong: Vec<String>,
    lateness: Histogram<u64>,
    early: u64,
}

/// Measures and checks.
///
/// # Errors
///
/// A sentence: the players could not come, or one was lost.
pub(super) fn run(options: &Options, progress: &mut Progress) -> Result<Report, String> {
    let mut report = Report::new(Mode::Games);
    let count = options.count_for(Mode::Games);
    let mut fleet = Fleet::new(options)?;
    let mut games = Games {
        by_uid: HashMap::new(),
        players: Vec::new(),
        v2: options.v2,
        rng: Rng::new(),
        ending: false,
        running: 0,
        longest: Duration::ZERO,
        results: 0,
        robots: 0,
        wrong: 0,
        first_wrong: Vec::new(),
        lateness: histogram(),
        early: 0,
    };
    games.players.resize_with(count, Player::default);
    fleet.gather(count, &mut games, |greeted| {
        progress.say(|| format!("{greeted} of {count} greeted"));
    })?;
    let meter = Meter::start(options);
    let begun = Instant::now();
    let mut end = begun + options.time;
    let spread = (JOIN_EVERY * count as u32).min(SPREAD_MAX);
    let mut joined = 0;
    loop {
        let share = begun.elapsed().as_secs_f64() / spread.as_secs_f64();
        let due = match share {
            // Two at a time, so that nobody waits for a partner.
            ..1.0 => (count as f64 * share) as usize / 2 * 2,
            _ => count,
        };
        for index in (joined..due).take_while(|_| !games.ending) {
            fleet.crew.send(index, "[\"join\"]");
        }
        joined = due;
        let pause_ms = if joined < count { 1 } else { 100 };
        fleet.turn(Some(Duration::from_millis(pause_ms)), &mut games)?;
        fleet.crew.check()?;
        progress.say(|| format!("{} results, {} wrong", games.results, games.wrong));
        let over = end <= Instant::now();
        if over && !games.ending {
            games.ending = true;
            end = Instant::now() + games.longest + GRACE;
        } else if games.ending && (over || games.running == 0) {
            break;
        }
    }
    games.report(&mut report);
    meter.stop(&mut report, "server_us_per_result", games.results, false);
    Ok(report)
}

impl Games {
    fn report(&self, report: &mut Report) {
        report.figure("players", self.players.len() as f64);
        report.figure("results", self.results as f64);
        report.figure("results_against_robots", self.robots as f64);
        report.figure("results_wrong", self.wrong as f64);
        report.figure("results_missing", self.running as f64);
        let keys = [
            "round_late_p50_us",
            "round_late_p90_us",
            "round_late_p99_us",
            "round_late_p99_9_us",
            "round_late_max_us",
        ];
        report.percentiles(keys, &self.lateness);
        for wrong in &self.first_wrong {
            report.fail(wrong.clone());
        }
        if 0 < self.running {
            report.fail(format!("{} rounds had no result", self.running));
        }
        if 0 < self.early {
            report.fail(format!("{} results came too early", self.early));
        }
        if self.results == 0 {
            report.fail("no round came to its end; --seconds may be too few".into());
        }
    }

    fn start(&mut self, crew: &mut Crew, index: usize, start: Start) {
        let Ok(users) = <[Row; 2]>::try_from(start.room_users) else {
            return self.blame(index, "a start without two players");
        };
        let game_time = Duration::from_secs(u64::from(start.game_time));
        self.longest = self.longest.max(game_time);
        let choice = self.rng.u8(1..=3);
        let second_thoughts = self.rng.u8(0..4) == 0;
        let Some(player) = self.players.get_mut(index) else {
            return;
        };
        let own = users.iter().find(|user| user.uid == player.uid);
        let fault = match (own, player.score) {
            (None, _) => Some("a start without oneself"),
            (Some(own), Some(score)) if (own.total_score, own.win_streak) != score => {
                Some("a start with another score than the result before")
            }
            _ if player.round.is_some() => Some("a second start within a round"),
            _ if !(1..=60).contains(&start.game_time) => Some("a start with a strange gameTime"),
            _ => None,
        };
        // The server may pair an old client that lost without being asked, and after the end, too.
        let counts = match &player.round {
            Some(round) => round.counts,
            None => !self.ending,
        };
        self.running += usize::from(counts && player.round.is_none());
        player.round = Some(Round {
            started: crew.now,
            game_time,
            users,
            counts,
        });
        player.choice = Some(choice);
        if second_thoughts {
            crew.send(index, "[\"choice\",{\"choice\":1}]");
        }
        crew.send(index, &format!("[\"choice\",{{\"choice\":{choice}}}]"));
        if let Some(fault) = fault {
            self.blame(index, fault);
        }
    }

    fn result(&mut self, crew: &mut Crew, index: usize, rows: &[Row]) {
        let Some(player) = self.players.get_mut(index) else {
            return;
        };
        let Some(round) = player.round.take() else {
            return self.blame(index, "a result without a start");
        };
        self.running -= usize::from(round.counts);
        self.results += 1;
        let due = round.started + round.game_time;
        let late = crew.now.saturating_duration_since(due).as_micros() as u64;
        self.lateness.saturating_record(late);
        let early = due.saturating_duration_since(crew.now).as_micros() as u64;
        self.early += u64::from(EARLY_US < early);
        let own = rows.iter().find(|row| row.uid == player.uid);
        player.score = own.map(|row| (row.total_score, row.win_streak));
        let fault = match own {
            None => Some("a result without oneself"),
            Some(own) if own.choice != player.choice => Some("a result with another choice"),
            Some(_) => fault_of(&round.users, rows),
        };
        let known = |row: &Row| self.by_uid.contains_key(&row.uid);
        let among_us = rows.iter().all(known);
        self.robots += u64::from(!among_us);
        let first = rows.first().is_some_and(|row| row.uid == player.uid);
        if let Some(fault) = fault {
            self.blame(index, fault);
        }
        // One of two old clients asks for both; in the original a second request is a second round.
        if !self.ending && (first || self.v2 || !among_us) {
            crew.send(index, "[\"join\"]");
        }
    }

    fn blame(&mut self, index: usize, what: &str) {
        self.wrong += 1;
        if self.first_wrong.len() < 3 {
            self.first_wrong.push(format!("player {index}: {what}"));
        }
    }
}

impl Play for Games {
    fn on(&mut self, crew: &mut Crew, index: usize, what: Happening<'_>) {
        let event = match what {
            Happening::Event(event) => event,
            Happening::Greeted(hi) => {
                let uid = words::uid_of_hi(hi).unwrap_or_else(|| crew.uid(index));
                self.by_uid.insert(uid.clone(), index);
                if let Some(player) = self.players.get_mut(index) {
                    player.uid = uid;
                }
                return;
            }
            Happening::Ended | Happening::Lost => return,
        };
        match words::read(event) {
            Word::Start(start) => self.start(crew, index, start),
            Word::Result(rows) => self.result(crew, index, &rows),
            // The partner went on without us: so do we.
            Word::Leave if !self.ending => crew.send(index, "[\"join\"]"),
            Word::Broken => self.blame(index, "an event that is none of the game's"),
            Word::Problem(problem) => self.blame(index, &format!("a refusal of {problem}")),
            Word::Leave | Word::Face(_) | Word::Choice | Word::Other => (),
        }
    }
}

/// What is wrong with a result, given how its round began.
fn fault_of(before: &[Row; 2], rows: &[Row]) -> Option<&'static str> {
    let [first, second] = rows else {
        return Some("a result without two players");
    };
    for (own, other) in [(first, second), (second, first)] {
        let Some(card) = before.iter().find(|card| card.uid == own.uid) else {
            return Some("a result of others than those who started");
        };
        let (round_score, win_streak) = match wins(own.choice, other.choice) {
            None => (0, card.win_streak),
            Some(true) => (card.win_streak + 1, card.win_streak + 1),
            Some(false) => (0, 0),
        };
        if own.round_score != round_score || own.win_streak != win_streak {
            return Some("a result against the rules");
        }
        if own.total_score != card.total_score + round_score {
            return Some("a result with a wrong total");
        }
    }
    None
}

/// Whether the first choice beats the second; `None` is a draw. Scissors, rock, paper: each beats
/// the one before it, and anything beats nothing.
fn wins(own: Option<u8>, other: Option<u8>) -> Option<bool> {
    match (own, other) {
        (own, other) if own == other => None,
        (None, _) => Some(false),
        (_, None) => Some(true),
        (Some(own), Some(other)) => Some((own + 3 - other) % 3 == 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pairing_has_its_winner() {
        let order = [None, Some(1), Some(2), Some(3)];
        #[rustfmt::skip]
        let wanted = [
            [None, Some(false), Some(false), Some(false)],
            [Some(true), None, Some(false), Some(true)],
            [Some(true), Some(true), None, Some(false)],
            [Some(true), Some(false), Some(true), None],
        ];
        for (own, row) in order.into_iter().zip(wanted) {
            for (other, want) in order.into_iter().zip(row) {
                assert_eq!(wins(own, other), want, "{own:?} against {other:?}");
            }
        }
    }

    #[test]
    fn a_wrong_result_is_found() {
        let row = |uid: &str, choice, round_score, total_score, win_streak| Row {
            uid: uid.into(),
            choice,
            round_score,
            total_score,
            win_streak,
        };
        let before = [row("a", None, 0, 3, 2), row("b", None, 0, 0, 0)];
        let won = row("a", Some(2), 3, 6, 3);
        let lost = row("b", Some(1), 0, 0, 0);
        let rows = [
            (vec![won.clone(), lost.clone()], None),
            (vec![lost.clone(), won.clone()], None),
            (vec![row("a", None, 0, 3, 2), row("b", None, 0, 0, 0)], None),
            (vec![won.clone()], Some("without two")),
            (
                vec![won.clone(), row("c", Some(1), 0, 0, 0)],
                Some("others"),
            ),
            (
                vec![row("a", Some(2), 1, 4, 1), lost.clone()],
                Some("rules"),
            ),
            (
                vec![row("a", Some(2), 3, 7, 3), lost.clone()],
                Some("total"),
            ),
            (vec![won, row("b", Some(1), 0, 0, 1)], Some("rules")),
        ];
        for (rows, want) in rows {
            let fault = fault_of(&before, &rows);
            let as_wanted = match (fault, want) {
                (None, None) => true,
                (Some(fault), Some(want)) => fault.contains(want),
                _ => false,
            };
            assert!(as_wanted, "{rows:?}: {fault:?}");
        }
    }
}

//! The world as a value that another process reads, and the world built anew from it.
//!
//! Carried is what nothing else tells. Who stands in line, which session ends first, whose a token
//! or a code is, and all counts of the present follow from players and rooms.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::check::Fault;
use super::player::Player;
use super::ranking::Ranking;
use super::robot::LastRounds;
use super::room::{Phase, Room};
use super::{Effect, Rules, Tally, Timer, World};
use crate::model::{PlayerId, ResultRow};
use crate::slots::Slots;
use crate::time::Millis;

/// Everything of a world that cannot be built anew from the rest, or from its rules.
///
/// It borrows what there is most of: a copy would take as long as all the rest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorldSnapshot<'a> {
    /// The generator's state.
    rng: u64,
    players: Cow<'a, Slots<Player>>,
    rooms: Cow<'a, Slots<Room>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    results: Vec<Told>,
    #[serde(default)]
    unasked: Vec<PlayerId>,
    next_owner: Option<u64>,
    #[serde(default, skip_serializing_if = "Ranking::is_new")]
    ranking: Ranking,
    sweep_armed: Option<Millis>,
    last_room: u64,
    last_robot: u64,
    #[serde(default)]
    from_robots: LastRounds,
    #[serde(default)]
    draining: bool,
    #[serde(default)]
    tally: Tally,
}

/// A result that is told again to whoever of these comes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Told {
    at: Millis,
    rows: [ResultRow; 2],
    to: (PlayerId, Option<PlayerId>),
}

impl World {
    /// All that another world needs to go on as this one would.
    #[must_use]
    pub fn export(&self, now: Millis) -> WorldSnapshot<'_> {
        debug_assert!(self.effects.is_empty(), "take all effects before");
        WorldSnapshot {
            rng: self.rng.get_seed(),
            players: Cow::Borrowed(&self.players),
            rooms: Cow::Borrowed(&self.rooms),
            results: self.results(now),
            unasked: self.unasked.iter().copied().collect(),
            next_owner: self.next_owner,
            ranking: self.ranking.clone(),
            sweep_armed: self.sweep_armed,
            last_room: self.last_room,
            last_robot: self.last_robot,
            from_robots: self.from_robots.clone(),
            draining: self.draining,
            tally: self.tally,
        }
    }

    /// The world that a snapshot is of. It has effects already: all its timers are to be armed.
    ///
    /// # Errors
    ///
    /// How it contradicts itself.
    pub fn import(rules: Rules, snapshot: WorldSnapshot<'_>, now: Millis) -> Result<Self, Fault> {
        let mut world = Self::new(rules, 0);
        world.rng = Rng::with_seed(snapshot.rng);
        world.players = snapshot.players.into_owned();
        world.rooms = snapshot.rooms.into_owned();
        for told in snapshot.results {
            world.remember(told)?;
        }
        world.unasked = snapshot.unasked.into_iter().collect();
        world.next_owner = snapshot.next_owner;
        world.ranking = snapshot.ranking;
        world.sweep_armed = snapshot.sweep_armed;
        world.last_room = snapshot.last_room;
        world.last_robot = snapshot.last_robot;
        world.from_robots = snapshot.from_robots;
        world.draining = snapshot.draining;
        world.tally = snapshot.tally;
        world.index_players()?;
        world.index_rooms()?;
        world.arm_all(now);
        world.check(now)?;
        // They may be fewer than where it comes from.
        world.keep_within_limit(now);
        world.arm_sweep(now);
        Ok(world)
    }

    /// The results that may be told again, each once: who played against each other share one.
    fn results(&self, now: Millis) -> Vec<Told> {
        let mut results: Vec<Told> = Vec::new();
        let mut places: HashMap<*const [ResultRow; 2], usize> = HashMap::new();
        for (id, player) in self.players.iter() {
            let play = player.play();
            let Some((at, rows)) = play.and_then(|play| play.result_to_repeat(now)) else {
                continue;
            };
            let place = places.get(&Rc::as_ptr(rows));
            match place.and_then(|&place| results.get_mut(place)) {
                Some(told) if told.to.1.is_none() => told.to.1 = Some(id),
                _ => {
                    places.insert(Rc::as_ptr(rows), results.len());
                    let (at, rows) = (*at, (**rows).clone());
                    let to = (id, None);
                    results.push(Told { at, rows, to });
                }
            }
        }
        results
    }

    fn remember(&mut self, told: Told) -> Result<(), Fault> {
        let rows = Rc::new(told.rows);
        for id in [Some(told.to.0), told.to.1].into_iter().flatten() {
            let player = self.players.get_mut(id).ok_or("a result is nobody's")?;
            player.begin_play().last_result = Some((told.at, Rc::clone(&rows)));
        }
        Ok(())
    }

    /// What follows from the players.
    fn index_players(&mut self) -> Result<(), Fault> {
        self.by_token.reserve(self.players.len());
        for id in self.players.handles() {
            let Some(player) = self.players.get(id) else {
                continue;
            };
            self.online += u32::from(player.link.is_online());
            self.owed += usize::from(player.is_owed());
            if let Some(token) = player.token.clone()
                && self.by_token.insert(token, id).is_some()
            {
                return Err("two players have one token");
            }
            if let Some(sub) = player.sub().cloned()
                && self.by_person.insert(sub, id).is_some()
            {
                return Err("two players are one person");
            }
            self.list_offline(id);
        }
        Ok(())
    }

    /// What follows from the rooms.
    fn index_rooms(&mut self) -> Result<(), Fault> {
        for id in self.rooms.handles() {
            let Some(room) = self.rooms.get(id) else {
                continue;
            };
            if let Some(private) = &room.private
                && self.by_code.insert(private.code, id).is_some()
            {
                return Err("two rooms have one code");
            }
            match &room.phase {
                Phase::Waiting(waiting) if waiting.parked.is_none() => {
                    let since = waiting.since;
                    let player = room.first_player().ok_or("nobody waits in a room")?;
                    self.stand_in_line(player, since);
                }
                Phase::Playing(round) => {
                    self.rounds_running += 1;
                    let robot = round.robot().is_some() && self.has_online_human(round);
                    self.robot_rounds_running += usize::from(robot);
                }
                Phase::Waiting(_) | Phase::Between(_) => (),
            }
        }
        Ok(())
    }

    /// Arms every timer as it was, or earlier if it has to be.
    fn arm_all(&mut self, now: Millis) {
        for id in self.players.handles() {
            let play = self.players.get(id).and_then(Player::play);
            self.arm_again(play.and_then(|play| play.armed), Timer::Player(id));
            self.arm_player(id);
        }
        for id in self.rooms.handles() {
            let armed = self.rooms.get(id).and_then(|room| room.armed);
            self.arm_again(armed, Timer::Room(id));
            self.arm_room(id);
        }
        self.arm_again(self.sweep_armed, Timer::Sessions);
        self.arm_sweep(now);
    }

    fn arm_again(&mut self, at: Option<Millis>, timer: Timer) {
        if let Some(at) = at {
            self.effects.push_back(Effect::Arm { at, timer });
        }
    }
}

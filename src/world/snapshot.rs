//! The world as a value that another process reads, and the world built anew from it.
//!
//! Carried is what nothing else tells. Who stands in line, which session ends first, whose a token
//! or a code is, and all counts of the present follow from players and rooms.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::check::Fault;
use super::player::Player;
use super::robot::LastRounds;
use super::room::{Phase, Room};
use super::rounds::RESULT_KEPT_MS;
use super::{Effect, Rules, Tally, Timer, World};
use crate::model::PlayerId;
use crate::slots::Slots;
use crate::time::Millis;

/// Everything of a world that cannot be built anew from the rest, or from its rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorldSnapshot {
    /// The generator's state.
    rng: u64,
    players: Slots<Player>,
    rooms: Slots<Room>,
    #[serde(default)]
    unasked: Vec<PlayerId>,
    next_owner: Option<u64>,
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

impl World {
    /// All that another world needs to go on as this one would.
    #[must_use]
    pub fn export(&self, now: Millis) -> WorldSnapshot {
        debug_assert!(self.effects.is_empty(), "take all effects before");
        let mut players = self.players.clone();
        for play in players.values_mut().filter_map(|it| it.play.as_mut()) {
            // Nobody is told one so old.
            let told = |result: &(Millis, _)| now.since(result.0) < RESULT_KEPT_MS;
            play.last_result = play.last_result.take().filter(told);
        }
        WorldSnapshot {
            rng: self.rng.get_seed(),
            players,
            rooms: self.rooms.clone(),
            unasked: self.unasked.iter().copied().collect(),
            next_owner: self.next_owner,
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
    pub fn import(rules: Rules, snapshot: WorldSnapshot, now: Millis) -> Result<Self, Fault> {
        let mut world = Self::new(rules, 0);
        world.rng = Rng::with_seed(snapshot.rng);
        world.players = snapshot.players;
        world.rooms = snapshot.rooms;
        world.unasked = snapshot.unasked.into_iter().collect();
        world.next_owner = snapshot.next_owner;
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

    /// What follows from the players.
    fn index_players(&mut self) -> Result<(), Fault> {
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
            let play = self.players.get(id).and_then(|it| it.play.as_ref());
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

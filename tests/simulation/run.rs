//! One run: a pure function of its seed, from an empty hub to an empty hub.

use fastrand::Rng;
use roshambo::config::Config;
use roshambo::hub::Dialect;
use roshambo::model::ConnId;
use roshambo::time::Millis;

use crate::actors::{Act, Actor, Kind, hostile};
use crate::shadow::{Check, Figures, Violation};
use crate::tamper::{Bug, Tamper};
use crate::world::{Fact, Order, Reloads, World};

/// What a seed decides beforehand.
pub(crate) struct Plan {
    pub(crate) config: Config,
    actors: usize,
    kinds: Vec<Kind>,
    /// How often each spontaneous act is done; 0 for those that this run goes without.
    weights: Vec<(Act, u32)>,
    /// Between two spontaneous acts of one actor.
    pace_ms: u64,
    /// In how many of 10,000 turns the clock jumps, or everybody rests.
    jumps: u32,
    lulls: u32,
    steps: u64,
    /// Ends with a drain; else everybody goes.
    drains: bool,
}

impl Plan {
    fn draw(rng: &mut Rng) -> Self {
        let one_of = |rng: &mut Rng, values: &[u64]| values[rng.usize(..values.len())];
        let mut config = Config {
            game_time_ms: rng.u64(1..=5) * 1_000,
            robot_after_ms: one_of(rng, &[0, 300, 1_000, 1_000, 2_500]),
            rematch_wait_ms: one_of(rng, &[0, 1_000, 5_000, 5_000, 12_000]),
            relay_interval_ms: one_of(rng, &[0, 100, 100, 700]),
            rate_limit: one_of(rng, &[0, 10, 10, 2]) as u32,
            session_ttl_ms: one_of(rng, &[2_000, 90_000, 1_800_000, 1_800_000]),
            ..Config::default()
        };
        let actors = one_of(rng, &[2, 3, 5, 8, 13, 20]) as usize;
        let tight = rng.u32(..4) == 0;
        if tight {
            config.max_sessions = actors + rng.usize(..3);
        }
        let all = [
            Kind::Original,
            Kind::Eager,
            Kind::Lazy,
            Kind::Friend,
            Kind::Hostile,
        ];
        let mut kinds: Vec<Kind> = all.into_iter().filter(|_| rng.bool()).collect();
        if kinds.is_empty() {
            kinds.extend(all);
        }
        let weights = Act::SPONTANEOUS.map(|(act, usual)| match rng.u32(..4) {
            0 => (act, 0),
            _ => (act, usual * rng.u32(1..=20)),
        });
        Self {
            config,
            actors,
            kinds,
            weights: weights.to_vec(),
            pace_ms: one_of(rng, &[150, 700, 3_000, 12_000]),
            jumps: if tight { 0 } else { rng.u32(..3) * 5 },
            lulls: rng.u32(..3) * 8,
            steps: rng.u64(300..=1_100),
            drains: rng.u32(..3) == 0,
        }
    }
}

/// What a run is to be besides its seed.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    /// Without the shadow, only the digest is of interest.
    pub(crate) unchecked: bool,
    /// A bug planted at the hub's boundary.
    pub(crate) bug: Option<Bug>,
    /// Whether the hub goes over into another process now and then.
    pub(crate) reloads: Reloads,
}

/// A run that kept all promises.
#[derive(Debug)]
pub(crate) struct Success {
    pub(crate) digest: u64,
    pub(crate) steps: u64,
    pub(crate) reloaded: u64,
    pub(crate) figures: Figures,
}

/// A run that did not.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) rule: &'static str,
    pub(crate) report: String,
}

/// Runs one seed.
pub(crate) fn run(seed: u64, options: Options) -> Result<Success, Failure> {
    let mut rng = Rng::with_seed(seed);
    let plan = Plan::draw(&mut rng);
    let tamper = options.bug.map(|bug| Tamper::new(bug, seed));
    let mut world = World::new(&plan.config, rng.u64(..), !options.unchecked, tamper);
    world.reloads = options.reloads;
    let mut crowd = Crowd::new(plan, rng, world);
    let done = crate::survived(|| crowd.live());
    let violation = match done {
        Ok(Ok(())) => {
            let figures = crowd.world.shadow.as_ref().map(|shadow| shadow.figures);
            return Ok(Success {
                digest: crowd.world.digest,
                steps: crowd.world.steps,
                reloaded: crowd.world.reloaded,
                figures: figures.unwrap_or_default(),
            });
        }
        Ok(Err(violation)) => violation,
        Err(text) => Violation::new("no panic", text),
    };
    Err(crowd.failure(seed, &violation))
}

/// The actors and the world they live in.
struct Crowd {
    plan: Plan,
    rng: Rng,
    world: World,
    actors: Vec<Actor>,
    /// Whose each open connection is.
    owners: std::collections::BTreeMap<ConnId, usize>,
    codes: Vec<String>,
    tokens: Vec<String>,
    last_loss: Option<Millis>,
}

impl Crowd {
    fn new(plan: Plan, mut rng: Rng, world: World) -> Self {
        let actors = (0..plan.actors).map(|index| Actor::new(&mut rng, index, &plan.kinds));
        let actors = actors.collect();
        Self {
            plan,
            rng,
            world,
            actors,
            owners: std::collections::BTreeMap::new(),
            codes: Vec::new(),
            tokens: Vec::new(),
            last_loss: None,
        }
    }

    fn failure(&self, seed: u64, violation: &Violation) -> Failure {
        use std::fmt::Write;
        let Violation { rule, detail } = violation;
        let (step, now) = (self.world.steps, self.world.now);
        let config = &self.plan.config;
        let mut report = format!("SIM_SEED={seed}, step {step}, {now}: {rule}\n  {detail}\n");
        let _ = writeln!(
            report,
            "  game-time {} robot-after {} rematch-wait {} relay-interval {} rate-limit {} \
             session-ttl {} max-sessions {}",
            config.game_time_ms,
            config.robot_after_ms,
            config.rematch_wait_ms,
            config.relay_interval_ms,
            config.rate_limit,
            config.session_ttl_ms,
            config.max_sessions
        );
        for (at, line) in &self.world.trace {
            let cut: String = line.to_string().chars().take(400).collect();
            let _ = writeln!(report, "  {at} {cut}");
        }
        Failure { rule, report }
    }

    /// The whole life of a world.
    fn live(&mut self) -> Check {
        while self.world.steps < self.plan.steps {
            self.turn()?;
        }
        if self.plan.drains {
            self.drain()?;
        } else {
            self.part()?;
        }
        self.outlive()
    }

    /// To the next moment at which anything happens, and all that happens then.
    fn turn(&mut self) -> Check {
        let actors = self.actors.iter().map(Actor::wakes_at).min();
        let wakes_at = [self.world.next_timer(), actors]
            .into_iter()
            .flatten()
            .min();
        // The shadow's own deadlines come in between; nothing is decided there.
        while let Some(at) = self.world.next_deadline()
            && wakes_at.is_none_or(|wakes_at| at < wakes_at)
        {
            self.world.now = at;
            self.world.quiet()?;
        }
        let mut now = wakes_at.unwrap_or(self.world.now).max(self.world.now);
        if self.rng.u32(..10_000) < self.plan.jumps {
            // Past nearly every time limit at once: `tests/fuzz` jumps farther.
            let far = self.rng.u32(..4) == 0;
            now = now + self.rng.u64(1..if far { 590_000 } else { 90_000 });
        }
        self.world.now = now;
        if self.rng.u32(..10_000) < self.plan.lulls {
            let rest_ms = self.rng.u64(5_000..700_000);
            for actor in &mut self.actors {
                actor.next = now + rest_ms + actor.next.since(now);
            }
        }
        // Whether the timers of a moment or its messages come first is nobody's to decide.
        if self.rng.bool() {
            self.world.fire()?;
            self.deliver();
            self.world.quiet()?;
        }
        for index in 0..self.actors.len() {
            while let Some(act) = self.actors[index].due(now) {
                self.act(index, act)?;
            }
            if self.actors[index].next <= now {
                let pause_ms = 1 + self.rng.u64(..2 * self.plan.pace_ms);
                self.actors[index].next = now + pause_ms;
                self.act_spontaneously(index)?;
            }
        }
        self.world.fire()?;
        self.deliver();
        self.world.quiet()
    }

    fn act_spontaneously(&mut self, index: usize) -> Check {
        let actor = &self.actors[index];
        if actor.conn.is_none() {
            return self.act(index, Act::Open);
        }
        if actor.is_passive() && self.rng.u32(..10) != 0 {
            return Ok(());
        }
        let total: u32 = self.plan.weights.iter().map(|(_, weight)| weight).sum();
        if total == 0 {
            return Ok(());
        }
        let mut ticket = self.rng.u32(..total);
        for position in 0..self.plan.weights.len() {
            let (act, weight) = self.plan.weights[position];
            if ticket < weight {
                return self.act(index, act);
            }
            ticket -= weight;
        }
        Ok(())
    }

    fn act(&mut self, index: usize, act: Act) -> Check {
        let now = self.world.now;
        let Some(conn) = self.actors[index].conn else {
            if act == Act::Open {
                return self.open(index);
            }
            return Ok(());
        };
        match act {
            Act::TakeOver | Act::Steal | Act::Guess if !self.may_lose() => Ok(()),
            Act::Connect => self.say_raw(index, "40".into()),
            Act::Hello | Act::Rename => {
                let known = self.actors[index].token.clone();
                let payload = self.actors[index].hello(&mut self.rng, known.as_deref());
                self.say(index, "hello", &payload)
            }
            Act::Steal | Act::Guess => {
                let stolen = match self.tokens.len() {
                    0 => None,
                    count => self.tokens.get(self.rng.usize(..count)).cloned(),
                };
                let token = stolen.filter(|_| act == Act::Steal);
                let token = token.unwrap_or_else(|| format!("guessed-{:016}", self.rng.u32(..)));
                self.reopen(index)?;
                let payload = self.actors[index].hello(&mut self.rng, Some(&token));
                self.say_raw_if(index, Dialect::Eio4, "40")?;
                self.say(index, "hello", &payload)
            }
            Act::Join => {
                let payload = ["", "{}", "null"][self.rng.usize(..3)];
                self.say(index, "join", payload)
            }
            Act::JoinNew => self.say(index, "join", r#"{"new":true}"#),
            Act::CreateRoom => self.say_room(index, "new"),
            Act::EnterRoom => {
                let recent = self.codes.len().saturating_sub(3);
                let code = match self.codes.len() {
                    0 => None,
                    _ if self.rng.u32(..8) == 0 => Some("K7M2QX".to_owned()),
                    count => self.codes.get(self.rng.usize(recent..count)).cloned(),
                };
                let Some(mut code) = code else {
                    return self.say_room(index, "new");
                };
                if self.rng.bool() {
                    code = code.to_lowercase();
                }
                self.say_room(index, &code)
            }
            Act::Choice => {
                let choice = self.rng.u32(1..=3);
                self.say(index, "choice", &format!(r#"{{"choice":{choice}}}"#))
            }
            Act::Face => {
                let face = [1, 2, 3, 4, u32::MAX][self.rng.usize(..5)];
                self.say(index, "face", &format!(r#"{{"face":{face}}}"#))
            }
            Act::Leave => self.say(index, "leave", ""),
            Act::Away => self.say(index, "away", ""),
            Act::Ping => self.say(index, "ping", ""),
            Act::Close => {
                if self.may_lose() {
                    self.owners.remove(&conn);
                    let back_ms = self.rng.u64(..20_000);
                    self.actors[index].closed(now, back_ms);
                    self.world.close(conn)?;
                    self.deliver();
                }
                Ok(())
            }
            Act::Disconnect => {
                let farewell = ["41", "1"][self.rng.usize(..2)];
                if self.actors[index].dialect != Dialect::Plain && self.may_lose() {
                    return self.say_raw(index, farewell.into());
                }
                Ok(())
            }
            Act::EnginePing => {
                if self.actors[index].dialect == Dialect::Plain {
                    return Ok(());
                }
                let packet = ["2", "2probe", "3"][self.rng.usize(..3)];
                self.say_raw(index, packet.into())
            }
            Act::Hostile => {
                if self.may_lose() {
                    let text = hostile(&mut self.rng, self.actors[index].dialect);
                    return self.say_raw(index, text);
                }
                Ok(())
            }
            Act::Flood => {
                let mut left = self.rng.u32(20..140);
                while 0 < left && self.actors[index].conn == Some(conn) {
                    left -= 1;
                    let act = [Act::Face, Act::Choice, Act::Join, Act::Leave, Act::Away];
                    let act = act[self.rng.usize(..5)];
                    self.act(index, act)?;
                }
                Ok(())
            }
            Act::Binary if self.may_lose() => self.tell(Fact::Binary { conn }),
            Act::Violation if self.may_lose() => {
                let code = [1002, 1007, 1009][self.rng.usize(..3)];
                self.tell(Fact::Violation { conn, code })
            }
            Act::Binary | Act::Violation | Act::Open => Ok(()),
            Act::TakeOver => {
                self.reopen(index)?;
                self.say_raw_if(index, Dialect::Eio4, "40")?;
                let known = self.actors[index].token.clone();
                let payload = self.actors[index].hello(&mut self.rng, known.as_deref());
                self.say(index, "hello", &payload)
            }
            Act::Seen => match self.actors[index].dialect {
                Dialect::Eio4 => self.say_raw(index, "3".into()),
                _ => self.tell(Fact::Seen { conn }),
            },
            Act::Rest => {
                let rest_ms = self.rng.u64(10_000..150_000);
                self.actors[index].next = now + rest_ms;
                Ok(())
            }
            Act::Mute => {
                // Who falls silent together dies together, which the limit on sessions resents.
                self.actors[index].mute = !self.is_tight();
                Ok(())
            }
        }
    }

    /// Whether sessions may be pushed out by newer ones.
    fn is_tight(&self) -> bool {
        self.plan.config.max_sessions < Config::default().max_sessions
    }

    /// At the limit on sessions it has to be clear who is offline longest: one loss a millisecond.
    fn may_lose(&mut self) -> bool {
        if !self.is_tight() {
            return true;
        }
        self.last_loss.replace(self.world.now) != Some(self.world.now)
    }

    /// Into a private room, half of the times without being ready.
    fn say_room(&mut self, index: usize, room: &str) -> Check {
        let keys = ["", r#","ready":true"#, r#","ready":false"#];
        let key = keys[[0, 1, 2, 2][self.rng.usize(..4)]];
        self.say(index, "join", &format!(r#"{{"room":"{room}"{key}}}"#))
    }

    fn open(&mut self, index: usize) -> Check {
        let actor = &self.actors[index];
        let conn = self.world.open(actor.dialect, actor.from)?;
        self.owners.insert(conn, index);
        let now = self.world.now;
        self.actors[index].opened(&mut self.rng, now, conn);
        self.deliver();
        Ok(())
    }

    /// A second connection of the same client; the first is left to itself, or lost right away.
    fn reopen(&mut self, index: usize) -> Check {
        let former = self.actors[index].conn;
        // Where sessions are few, nobody holds two.
        let loses = self.is_tight() || self.rng.u32(..4) == 0;
        if let Some(former) = former
            && loses
        {
            self.owners.remove(&former);
            self.last_loss = Some(self.world.now);
            self.world.close(former)?;
        }
        self.open(index)?;
        self.actors[index].plans.clear();
        Ok(())
    }

    fn say(&mut self, index: usize, name: &str, payload: &str) -> Check {
        let text = self.actors[index].event(&mut self.rng, name, payload);
        self.say_raw(index, text)
    }

    fn say_raw_if(&mut self, index: usize, dialect: Dialect, text: &str) -> Check {
        if self.actors[index].dialect == dialect {
            return self.say_raw(index, text.into());
        }
        Ok(())
    }

    fn say_raw(&mut self, index: usize, text: String) -> Check {
        match self.actors[index].conn {
            Some(conn) => self.tell(Fact::Text { conn, text }),
            None => Ok(()),
        }
    }

    fn tell(&mut self, fact: Fact) -> Check {
        self.world.tell(fact)?;
        self.deliver();
        Ok(())
    }

    /// Lets the actors hear what their connections were sent.
    fn deliver(&mut self) {
        let now = self.world.now;
        while let Some(order) = self.world.inbox.pop_front() {
            match order {
                Order::Send { conn, text } => {
                    self.gather(&text);
                    if let Some(&index) = self.owners.get(&conn)
                        && self.actors[index].conn == Some(conn)
                    {
                        self.actors[index].hear(&mut self.rng, now, &text);
                    }
                }
                Order::Ping { conn } => {
                    if let Some(&index) = self.owners.get(&conn) {
                        let actor = &mut self.actors[index];
                        if actor.conn == Some(conn) && !actor.mute {
                            actor.plan(now + self.rng.u64(..200), Act::Seen);
                        }
                    }
                }
                Order::Close { conn, .. } => {
                    if let Some(index) = self.owners.remove(&conn)
                        && self.actors[index].conn == Some(conn)
                    {
                        let back_ms = self.rng.u64(..20_000);
                        self.actors[index].closed(now, back_ms);
                    }
                }
                Order::Arm { .. } | Order::Disarm { .. } => (),
            }
        }
    }

    /// Room codes go round among friends, and tokens among thieves.
    fn gather(&mut self, text: &str) {
        for (key, list) in [
            (r#""code":""#, &mut self.codes),
            (r#""session":""#, &mut self.tokens),
        ] {
            let value = text
                .split(key)
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            let Some(value) = value.filter(|value| value.len() == 6 || value.len() == 24) else {
                continue;
            };
            if !list.iter().any(|known| known == value) {
                list.push(value.to_owned());
            }
        }
    }

    /// The server is told to stop; connections are dismissed once no round runs.
    fn drain(&mut self) -> Check {
        self.tell(Fact::Drain)?;
        let deadline = self.world.now + self.plan.config.game_time_ms;
        while 0 < self.world.running_rounds() {
            if deadline < self.world.now {
                let rule = crate::shadow::rules::ROUNDS;
                return Err(Violation::new(rule, "a drain outlasts a round".into()));
            }
            self.turn()?;
        }
        let open: Vec<ConnId> = self.owners.keys().copied().collect();
        for actor in &mut self.actors {
            actor.conn = None;
        }
        for conn in open {
            self.tell(Fact::Dismiss { conn })?;
        }
        let shadow = self.world.shadow.as_ref();
        let left = shadow
            .filter(|shadow| !shadow.undecided)
            .map_or(0, |shadow| shadow.open());
        crate::shadow::ensure!(left == 0, crate::shadow::rules::CLOSE, "{left} stay open");
        Ok(())
    }

    /// Everybody goes.
    fn part(&mut self) -> Check {
        let open: Vec<ConnId> = self.owners.keys().copied().collect();
        self.owners.clear();
        for actor in &mut self.actors {
            actor.conn = None;
        }
        for conn in open {
            self.world.close(conn)?;
        }
        self.deliver();
        Ok(())
    }

    /// When everybody is gone, everything ends: rounds, rooms, sessions, timers.
    fn outlive(&mut self) -> Check {
        let quiet_ms = self.plan.config.session_ttl_ms.max(700_000);
        let end = self.world.now + quiet_ms;
        while let Some(at) = self.world.next_timer().filter(|&at| at <= end) {
            self.world.now = at.max(self.world.now);
            self.world.fire()?;
        }
        self.world.now = end;
        let (rounds, population) = (self.world.running_rounds(), self.world.population());
        let rule = crate::shadow::rules::OUTLIVES;
        crate::shadow::ensure!(rounds == 0, rule, "{rounds} rounds");
        crate::shadow::ensure!(population == (0, 0, 0), rule, "{population:?}");
        let next = self.world.next_timer();
        crate::shadow::ensure!(next.is_none(), rule, "a timer at {next:?}");
        let sent = self.world.inbox.len();
        crate::shadow::ensure!(sent == 0, rule, "{sent} orders for nobody");
        Ok(())
    }
}

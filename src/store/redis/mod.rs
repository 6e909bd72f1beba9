//! An engine that keeps points in Redis or Valkey, so that several servers may share them.
//!
//! Orders go there up to [`TOGETHER`] at a time, as one call of one script (`orders.lua`), which is
//! applied as a whole and alone. A call that is not answered may have been applied: the same orders
//! are tried again, in their order, and none counts twice. Nothing here waits without a bound, but
//! the look-up of a host's name, which is the system's.
//!
//! Dates are those of Redis' machine, so that a server whose clock is wrong makes nobody too old.
//! An answer also tells how often this process has called: fewer times than it was told before
//! means that Redis has lost what it had, by a restart or by a replica that took over without the
//! last moments.
//!
//! What lies there, and what can be lost, is described in `systemd/redis.md`.
//!
//! - `connection`: from an address to a Redis that will do, or to one line that says what is wrong;
//! - `script`: orders as words of a script, and its replies.

mod connection;
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use self::connection::{Line, State};
use self::script::Script;
pub(super) use self::script::{Call, key};
use super::OpenError;
use super::clock::Clock;
use super::engine::{Engine, Limits, Luggage, Place, RedisState, Trouble, Unix, Who, oldest_week};
use crate::model::{RedisUrl, StoreOp, StoreReply};

/// Most orders in one call: some two milliseconds, in which Redis does nothing else.
const TOGETHER: usize = 100;
/// How many keys are looked at together when all are.
const PAGE: usize = 500;
/// How long after Redis lost something this process is taken for the owner of what it settles: what
/// it took in the lost moments is settled again by then.
const ADOPTS: Duration = Duration::from_secs(60);
/// How far clocks may be from each other, in seconds, before that is worth a line.
const LEAD_SECONDS: u64 = 60;

/// Points in Redis.
pub(super) struct Redis {
    url: RedisUrl,
    limits: Limits,
    script: Script,
    /// `None`: something went wrong with it, and another one is needed.
    line: Option<Line>,
    /// What it was like when it was last looked at.
    state: State,
    /// How often this process has called, as far as Redis told.
    calls: u64,
    /// When it lost something.
    lost_at: Option<Instant>,
    /// That it did is still to be told.
    forgot: bool,
}

impl Redis {
    /// Looks whether it is there and will do.
    ///
    /// # Errors
    ///
    /// What is wrong with it and what to do.
    pub(super) fn open(url: &RedisUrl, limits: Limits, now: Unix) -> Result<Self, OpenError> {
        let mut redis = Self::taken(
            RedisState {
                url: url.clone(),
                caller: Clock::start().mark(),
                calls: 0,
                lost_ms: None,
                forgot: false,
            },
            limits,
        );
        // Whether the user may do all that is needed, and there is memory for it.
        redis
            .call(&[], now)
            .map_err(|Trouble(line)| OpenError(line))?;
        if !redis.state.is_durable {
            log::warn!(
                "{url} writes no log of what it is told (appendonly is off): what is won since its \
                 last snapshot is lost when it restarts; redis-cli config set appendonly yes"
            );
        }
        Ok(redis)
    }

    /// The one that the program before this one had; it is spoken to with the first order.
    pub(super) fn taken(state: RedisState, limits: Limits) -> Self {
        let ago = |ms| Instant::now().checked_sub(Duration::from_millis(ms));
        Self {
            url: state.url,
            limits,
            script: Script::new(state.caller),
            line: None,
            state: State::default(),
            calls: state.calls,
            lost_at: state.lost_ms.and_then(ago),
            forgot: state.forgot,
        }
    }

    /// Applies some orders, all or none; what became of each.
    ///
    /// On a new line it is found out first whether anything was lost.
    fn call(&mut self, orders: &[Call], now: Unix) -> Result<Vec<Value>, Trouble> {
        let count = orders.len();
        let ttl = self.limits.score_ttl_ms / 1000;
        let is_old = self.line.is_some();
        self.connect()?;
        if !is_old && count != 0 {
            self.call(&[], now)?;
        }
        let adopts = self.lost_at.is_some_and(|at| at.elapsed() < ADOPTS);
        let date = self.state.date(now);
        let command = self.script.command(orders, date, ttl, adopts);
        let load = self.script.load();
        let mut is_dropped = false;
        let ask = |line: &mut Line, is_dropped: &mut bool| {
            let said = match line.ask(&command) {
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    line.ask(&load)?;
                    line.ask(&command)
                }
                said => said,
            };
            said.inspect_err(|error| *is_dropped = error.is_connection_dropped())
        };
        let said = self.ask(|line| ask(line, &mut is_dropped));
        // Redis may have ended a connection that was idle for long: that is no outage.
        if said.is_err() && is_old && is_dropped {
            return self.call(orders, now);
        }
        let said = said?;
        let mut replies = script::items(said);
        let calls = match replies.is_empty() {
            true => None,
            false => script::number(replies.remove(0)),
        };
        let Some(calls) = calls.filter(|_| replies.len() == count) else {
            return Err(self.misunderstood());
        };
        if calls <= self.calls {
            log::warn!(
                "{} has lost some of what it had, by a restart or a replica that took over: what \
                 is known here is told again",
                self.url
            );
            (self.lost_at, self.forgot) = (Some(Instant::now()), true);
        }
        self.calls = calls;
        Ok(replies)
    }

    /// One call of one order that is answered by a number.
    fn count(&mut self, order: Call, now: Unix) -> Result<usize, Trouble> {
        let mut replies = self.call(&[order], now)?;
        let number = replies.pop().and_then(script::number);
        let number = number.and_then(|number| usize::try_from(number).ok());
        number.ok_or_else(|| self.misunderstood())
    }

    /// Applies orders of those that are answered by 1 or 0; how many by 1.
    pub(super) fn put(&mut self, calls: &[Call], now: Unix) -> Result<usize, Trouble> {
        let said = self.call(calls, now)?;
        Ok(said
            .into_iter()
            .filter(|said| *said != Value::Int(0))
            .count())
    }

    /// A page of what there is, and where the next one begins; the first one, and the one behind
    /// the last, begin at `0`. `words` says what is looked through.
    pub(super) fn page(
        &mut self,
        words: &[&str],
        cursor: &str,
        more: &[&str],
    ) -> Result<(String, Vec<String>), Trouble> {
        self.connect()?;
        let mut scan = redis::Cmd::new();
        for word in words {
            scan.arg(word);
        }
        scan.arg(cursor);
        for word in more {
            scan.arg(word);
        }
        scan.arg("COUNT").arg(PAGE);
        let page = script::items(self.ask(|line| line.ask(&scan))?);
        let Ok([next, found]) = <[Value; 2]>::try_from(page) else {
            return Err(self.misunderstood());
        };
        let found = script::items(found).into_iter().map(script::text);
        Ok((script::text(next), found.collect()))
    }

    /// All that stands in a hash.
    pub(super) fn fields(&mut self, key: &str) -> Result<BTreeMap<String, String>, Trouble> {
        let mut get = redis::cmd("HGETALL");
        get.arg(key);
        let said = script::items(self.ask(|line| line.ask(&get))?);
        let mut said = said.into_iter().map(script::text);
        let mut fields = BTreeMap::new();
        while let (Some(name), Some(value)) = (said.next(), said.next()) {
            fields.insert(name, value);
        }
        Ok(fields)
    }

    /// Sessions whose player goes by a uid, each with the person whose it is.
    fn sessions_of(&mut self, uid: &str) -> Result<Vec<(String, String)>, Trouble> {
        let mut found = BTreeSet::new();
        let mut cursor = "0".to_owned();
        loop {
            let (next, members) = self.page(&["ZSCAN", &key("used")], &cursor, &[])?;
            // Each is followed by its date.
            for hash in members.into_iter().step_by(2) {
                let mut get = redis::cmd("HMGET");
                get.arg(key(&format!("session:{hash}")));
                get.arg("uid").arg("person");
                let said = script::items(self.ask(|line| line.ask(&get))?);
                let mut said = said.into_iter();
                let is_same = said
                    .next()
                    .is_some_and(|known| known != Value::Nil && script::text(known) == uid);
                if is_same {
                    found.insert((hash, said.next().map(script::text).unwrap_or_default()));
                }
            }
            cursor = next;
            if cursor == "0" {
                return Ok(found.into_iter().collect());
            }
        }
    }

    fn connect(&mut self) -> Result<(), Trouble> {
        if self.line.is_none() {
            let line = Line::open(&self.url).map_err(|error| self.trouble(&error))?;
            self.line = Some(line);
            self.look()?;
        }
        Ok(())
    }

    /// Looks whether it will do.
    fn look(&mut self) -> Result<(), Trouble> {
        let state = self.ask(Line::look)?;
        if let Some(why) = state.refusal() {
            self.line = None;
            return Err(Trouble(format!("{} {why}", self.url)));
        }
        let (before, lead) = (self.state.lead, state.lead);
        if LEAD_SECONDS <= lead.unsigned_abs() && lead.abs_diff(before) != 0 {
            log::warn!(
                "the clock of {} is {lead} s ahead of this machine's: dates go by that one; set \
                 both by a time server",
                self.url
            );
        }
        self.state = state;
        Ok(())
    }

    /// Asks for something; a line on which something went wrong is not used any more.
    fn ask<T>(&mut self, ask: impl FnOnce(&mut Line) -> RedisResult<T>) -> Result<T, Trouble> {
        let Some(line) = &mut self.line else {
            return Err(Trouble(format!("{} is not connected", self.url)));
        };
        let said = ask(line);
        said.map_err(|error| {
            self.line = None;
            self.trouble(&error)
        })
    }

    fn trouble(&self, error: &RedisError) -> Trouble {
        Trouble(format!("{} {}", self.url, connection::trouble_text(error)))
    }

    fn misunderstood(&mut self) -> Trouble {
        self.line = None;
        Trouble(format!("{} gives answers that mean nothing", self.url))
    }
}

impl Engine for Redis {
    /// Of orders that failed those in front may have been applied.
    fn apply(&mut self, orders: &[StoreOp], now: Unix) -> Result<Vec<StoreReply>, Trouble> {
        let mut replies = Vec::new();
        for orders in orders.chunks(TOGETHER) {
            let calls: Vec<Call> = orders.iter().map(Call::of).collect();
            let said = self.call(&calls, now)?;
            for (order, said) in orders.iter().zip(said) {
                match script::reply(order, said) {
                    Some(reply) => replies.extend(reply),
                    None => return Err(self.misunderstood()),
                }
            }
        }
        if std::mem::take(&mut self.forgot) {
            replies.insert(0, StoreReply::Forgot);
        }
        Ok(replies)
    }

    fn expire(&mut self, at_most: usize, now: Unix) -> Result<usize, Trouble> {
        self.connect()?;
        self.look()?;
        let oldest = oldest_week(self.state.date(now));
        self.count(Call::expire(at_most, oldest), now)
    }

    fn has_lost(&mut self, now: Unix) -> Result<bool, Trouble> {
        self.call(&[], now)?;
        Ok(std::mem::take(&mut self.forgot))
    }

    fn forget(&mut self, who: &Who, now: Unix) -> Result<usize, Trouble> {
        self.connect()?;
        match who {
            Who::Person(sub) => self.count(Call::forget_person(sub), now),
            Who::Uid(uid) => {
                let mut erased = 0;
                for (hash, sub) in self.sessions_of(uid)? {
                    erased += self.count(Call::forget_session(&hash, uid, &sub), now)?;
                }
                Ok(erased)
            }
        }
    }

    fn bar(&mut self, sub: &str, barred: bool) -> Result<usize, Trouble> {
        // No date stands with it.
        self.count(Call::bar(sub, barred), Unix(0))
    }

    /// Of all that Redis has in memory, as it was a minute ago.
    fn bytes(&self) -> u64 {
        self.state.bytes
    }

    fn carry(&self) -> Option<Luggage> {
        Some(Luggage {
            state: Place::Redis(RedisState {
                url: self.url.clone(),
                caller: self.script.caller().to_owned(),
                calls: self.calls,
                lost_ms: self
                    .lost_at
                    .and_then(|at| u64::try_from(at.elapsed().as_millis()).ok()),
                forgot: self.forgot,
            }),
            descriptors: Vec::new(),
        })
    }
}

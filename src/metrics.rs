//! Counters and histograms of the whole process, and how they read in the log.
//!
//! Numbers only: nobody is named here, and an observation costs no memory. How they read on the
//! metrics page is in [`text`]. Absent: a clock, and whose numbers they are; hub, world and net
//! keep their own. In a snapshot all of them have names: buckets those of their bounds.

pub mod text;

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::model::{
    ClientKind, CloseReason, Dialect, Ended, EventKind, RequestKind, TokenOutcome, kinds,
};

/// What happened in the hub since the start.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Connections whose WebSocket handshake was done.
    #[serde(
        serialize_with = "Dialect::carry",
        deserialize_with = "Dialect::carried"
    )]
    pub opened: [u64; Dialect::COUNT],
    /// Connections that are open now: not carried, but counted anew.
    #[serde(skip)]
    pub open: [[u32; ClientKind::COUNT]; Dialect::COUNT],
    /// Text messages received.
    pub texts_in: u64,
    /// Text messages sent.
    pub texts_out: u64,
    /// Events received, by name, refused and dropped ones included.
    #[serde(
        serialize_with = "RequestKind::carry",
        deserialize_with = "RequestKind::carried"
    )]
    pub events_in: [u64; RequestKind::COUNT],
    /// Events sent, by name.
    #[serde(
        serialize_with = "EventKind::carry",
        deserialize_with = "EventKind::carried"
    )]
    pub events_out: [u64; EventKind::COUNT],
    /// Events with a name that nobody knows.
    pub unknown_events: u64,
    /// Events with a payload that is not theirs.
    pub bad_payloads: u64,
    /// Events over the rate limit.
    pub dropped_events: u64,
    /// Room codes that were not looked up, after too many wrong ones.
    pub refused_codes: u64,
    /// Connections closed because their address had too many new sessions in a minute.
    pub refused_newcomers: u64,
    /// Connections closed because of a fault of the peer's.
    pub faults: u64,
    /// Connections closed because no sign of life came.
    pub timeouts: u64,
    /// Sessions taken over by a newer connection.
    pub takeovers: u64,
    /// Looks at signed tokens, by what they led to.
    #[serde(
        serialize_with = "TokenOutcome::carry",
        deserialize_with = "TokenOutcome::carried"
    )]
    pub tokens: [u64; TokenOutcome::COUNT],
}

impl Counters {
    /// Counts an event received.
    pub fn count_event_in(&mut self, kind: RequestKind) {
        self.events_in[kind.index()] += 1;
    }

    /// Counts a look at a signed token.
    pub fn count_token(&mut self, outcome: TokenOutcome) {
        self.tokens[outcome.index()] += 1;
    }

    /// A connection of this kind is open now.
    pub fn came(&mut self, dialect: Dialect, client: ClientKind) {
        self.open[dialect.index()][client.index()] += 1;
    }

    /// A connection of this kind is not open any more, or not of this kind.
    pub fn went(&mut self, dialect: Dialect, client: ClientKind) {
        self.open[dialect.index()][client.index()] -= 1;
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [plain, eio3, eio4] = self.opened;
        write!(
            f,
            "{} connections (plain {plain}, eio3 {eio3}, eio4 {eio4}), {} messages in, {} out, \
             {} faults, {} time-outs, {} take-overs, {} events dropped, {} unknown, {} malformed",
            plain + eio3 + eio4,
            self.texts_in,
            self.texts_out,
            self.faults,
            self.timeouts,
            self.takeovers,
            self.dropped_events,
            self.unknown_events,
            self.bad_payloads,
        )
    }
}

kinds! {
    /// Why somebody who came was not let in.
    pub enum Refusal {
        /// `--max-connections` are open.
        Full = "full",
        /// The server is asked to stop.
        Draining = "draining",
        /// Long-polling was asked for.
        Polling = "polling",
        /// No request, or none for this address.
        Malformed = "malformed",
        /// The request head was not complete in time.
        HeadTimeout = "head-timeout",
        /// Its address has as many connections as `--max-per-address` allows.
        Address = "address",
        /// It had asked for nothing when somebody else needed its place.
        Silent = "silent",
    }
}

/// Status codes of plain answers, in the order of [`Traffic::answers`].
pub const STATUSES: [u16; 10] = [200, 304, 400, 404, 405, 408, 426, 431, 503, 0];

/// What happened on the sockets since the start.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// Connections accepted.
    pub accepted: u64,
    /// Times that accepting was paused because the system refused.
    pub accept_pauses: u64,
    /// Plain answers by status.
    pub answers: [u64; STATUSES.len()],
    /// Those not let in, by [`Refusal`].
    pub refused: [u64; Refusal::COUNT],
    /// Open connections that the other end closed.
    left: u64,
    /// Open connections whose other end vanished.
    lost: u64,
    /// Open connections that we closed, by reason.
    closed: [u64; CloseReason::COUNT],
    /// Of these, those that did not read what was sent to them.
    pub slow_readers: u64,
    /// Times that another program took this one's place.
    pub reloads: u64,
    /// Times that one was to and could not.
    pub failed_reloads: u64,
    /// How long nobody was served at the last of them, in microseconds.
    pub reload_us: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Handshakes of TLS that went well.
    pub handshakes: u64,
    /// Those that did not: no TLS, or none that is allowed.
    pub failed_handshakes: u64,
    /// How long the loop's turns took, in microseconds, the sleep before them left out.
    pub turns: Histogram<16>,
}

impl Default for Traffic {
    fn default() -> Self {
        /// Half of them below a millisecond, where a turn belongs; the last ones are alarms.
        const TURN_US: [u64; 16] = [
            10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000,
            200_000, 500_000, 1_000_000,
        ];
        Self {
            accepted: 0,
            accept_pauses: 0,
            answers: [0; STATUSES.len()],
            refused: [0; Refusal::COUNT],
            left: 0,
            lost: 0,
            closed: [0; CloseReason::COUNT],
            slow_readers: 0,
            reloads: 0,
            failed_reloads: 0,
            reload_us: 0,
            bytes_in: 0,
            bytes_out: 0,
            handshakes: 0,
            failed_handshakes: 0,
            turns: Histogram::new(&TURN_US),
        }
    }
}

impl Traffic {
    /// Visits every number by its name, so that another release can go on counting.
    pub fn each(&mut self, visit: &mut impl FnMut(&str, &mut u64)) {
        for (name, number) in [
            ("accepted", &mut self.accepted),
            ("accept-pauses", &mut self.accept_pauses),
            ("left", &mut self.left),
            ("lost", &mut self.lost),
            ("slow-readers", &mut self.slow_readers),
            ("bytes-in", &mut self.bytes_in),
            ("bytes-out", &mut self.bytes_out),
            ("handshakes", &mut self.handshakes),
            ("failed-handshakes", &mut self.failed_handshakes),
            ("reloads", &mut self.reloads),
            ("failed-reloads", &mut self.failed_reloads),
            ("reload-us", &mut self.reload_us),
        ] {
            visit(name, number);
        }
        for (status, number) in STATUSES.iter().zip(&mut self.answers) {
            visit(&format!("answer {status}"), number);
        }
        for (refusal, number) in Refusal::ALL.iter().zip(&mut self.refused) {
            visit(&format!("refused {}", refusal.name()), number);
        }
        for (reason, number) in CloseReason::all().zip(&mut self.closed) {
            visit(&format!("closed {}", reason.text()), number);
        }
        self.turns.each(&mut |bound, number| match bound {
            Some(bound) => visit(&format!("turn {bound}"), number),
            None => visit("turn over", number),
        });
        visit("turn sum", &mut self.turns.sum);
    }

    /// Counts a plain answer.
    pub fn count_answer(&mut self, status: u16) {
        let known = STATUSES.iter().position(|&known| known == status);
        if let Some(count) = self.answers.get_mut(known.unwrap_or(STATUSES.len() - 1)) {
            *count += 1;
        }
    }

    /// Counts somebody who was not let in.
    pub fn count_refusal(&mut self, refusal: Refusal) {
        self.refused[refusal.index()] += 1;
    }

    /// Counts the end of an open connection.
    pub fn count_end(&mut self, ended: Ended) {
        let count = match ended {
            Ended::Left => &mut self.left,
            Ended::Lost => &mut self.lost,
            Ended::Closed(reason) => &mut self.closed[reason as usize],
        };
        *count += 1;
    }

    /// How many open connections ended, by label: who left, who was lost, and each close code.
    #[must_use]
    pub fn endings(&self) -> Vec<(&'static str, u64)> {
        let mut rows: Vec<(&'static str, u64)> = Vec::new();
        for (reason, count) in CloseReason::all().zip(self.closed) {
            match rows.iter_mut().find(|(label, _)| *label == reason.label()) {
                Some((_, sum)) => *sum += count,
                None => rows.push((reason.label(), count)),
            }
        }
        rows.sort_unstable();
        let others = [(Ended::Left, self.left), (Ended::Lost, self.lost)];
        let others = others.map(|(ended, count)| (ended.label(), count));
        [&others, rows.as_slice()].concat()
    }
}

/// How often a number fell into which of `N` buckets; fixed in size, O(N) per observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram<const N: usize> {
    bounds: &'static [u64; N],
    counts: [u64; N],
    over: u64,
    sum: u64,
}

/// A [`Histogram`] in a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HistogramSnapshot {
    /// Of each bucket that is not empty its bound and its count.
    buckets: Vec<(u64, u64)>,
    over: u64,
    sum: u64,
}

impl<const N: usize> Histogram<N> {
    /// All that it counted.
    #[must_use]
    pub fn export(&self) -> HistogramSnapshot {
        let buckets = self.bounds.iter().copied().zip(self.counts);
        HistogramSnapshot {
            buckets: buckets.filter(|&(_, count)| 0 < count).collect(),
            over: self.over,
            sum: self.sum,
        }
    }

    /// One with these bounds that goes on from there. What was counted below a bound that there is
    /// no more is below the next one now.
    #[must_use]
    pub fn import(bounds: &'static [u64; N], snapshot: &HistogramSnapshot) -> Self {
        let mut histogram = Self::new(bounds);
        histogram.over = snapshot.over;
        histogram.sum = snapshot.sum;
        for &(bound, count) in &snapshot.buckets {
            let place = bounds.iter().position(|&ours| bound <= ours);
            let place = place.and_then(|place| histogram.counts.get_mut(place));
            let sum = place.unwrap_or(&mut histogram.over);
            *sum = sum.saturating_add(count);
        }
        histogram
    }

    /// An empty one; `bounds` are the buckets' greatest numbers, ascending.
    #[must_use]
    pub const fn new(bounds: &'static [u64; N]) -> Self {
        Self {
            bounds,
            counts: [0; N],
            over: 0,
            sum: 0,
        }
    }

    /// Counts one number.
    pub fn observe(&mut self, number: u64) {
        let place = self.bounds.iter().position(|&bound| number <= bound);
        match place.and_then(|place| self.counts.get_mut(place)) {
            Some(count) => *count += 1,
            None => self.over += 1,
        }
        self.sum = self.sum.saturating_add(number);
    }

    /// Visits the count of each bound, and at last of what is over all of them.
    fn each(&mut self, visit: &mut impl FnMut(Option<u64>, &mut u64)) {
        for (&bound, count) in self.bounds.iter().zip(&mut self.counts) {
            visit(Some(bound), count);
        }
        visit(None, &mut self.over);
    }

    /// How many numbers were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.over
    }

    /// Their sum.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Each bound, and how many numbers were at most that.
    pub fn cumulated(&self) -> impl Iterator<Item = (u64, u64)> {
        let buckets = self.bounds.iter().zip(self.counts);
        buckets.scan(0, |before, (&bound, count)| {
            *before += count;
            Some((bound, *before))
        })
    }

    /// What was counted since `earlier`, a former copy of this one.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut fresh = *self;
        for (count, before) in fresh.counts.iter_mut().zip(earlier.counts) {
            *count = count.saturating_sub(before);
        }
        fresh.over = self.over.saturating_sub(earlier.over);
        fresh.sum = self.sum.saturating_sub(earlier.sum);
        fresh
    }

    /// The bound below which `percent` of the numbers lie: never less than the true value, unless
    /// that is over the last bound; 0 when nothing was counted.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> u64 {
        let count = self.count();
        if count == 0 {
            return 0;
        }
        let rank = (count * percent).div_ceil(100);
        let found = self.cumulated().find(|&(_, below)| rank <= below);
        found.map_or(self.bounds.last().copied().unwrap_or(0), |(bound, _)| bound)
    }
}

impl<const N: usize> Serialize for Histogram<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.export().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::{Counters, Histogram, STATUSES, Traffic};
    use crate::model::{CloseReason, Ended, RequestKind};

    const BOUNDS: [u64; 3] = [1, 10, 100];

    #[test]
    fn numbers_fall_into_the_first_bucket_that_holds_them() {
        let mut histogram = Histogram::new(&BOUNDS);
        assert_eq!(histogram.percentile(99), 0);
        for number in [0, 1, 2, 10, 11, 100, 101, u64::MAX] {
            histogram.observe(number);
        }
        let cumulated: Vec<_> = histogram.cumulated().collect();
        assert_eq!(cumulated, [(1, 2), (10, 4), (100, 6)]);
        assert_eq!((histogram.count(), histogram.sum()), (8, u64::MAX));
        let rows = [(0, 1), (25, 1), (26, 10), (50, 10), (75, 100), (99, 100)];
        for (percent, want) in rows {
            assert_eq!(histogram.percentile(percent), want, "{percent}");
        }
    }

    #[test]
    fn a_former_copy_can_be_taken_away() {
        let mut histogram = Histogram::new(&BOUNDS);
        histogram.observe(5);
        let earlier = histogram;
        histogram.observe(50);
        histogram.observe(500);
        let fresh = histogram.since(&earlier);
        assert_eq!((fresh.count(), fresh.sum()), (2, 550));
        assert_eq!(fresh.percentile(50), 100);
    }

    #[test]
    fn a_carried_histogram_keeps_its_numbers_also_below_other_bounds() {
        const FEWER: [u64; 2] = [10, 50];
        let mut histogram = Histogram::new(&BOUNDS);
        for number in [0, 1, 2, 11, 100, 101] {
            histogram.observe(number);
        }
        let carried = histogram.export();
        assert_eq!(Histogram::import(&BOUNDS, &carried), histogram);
        let other = Histogram::import(&FEWER, &carried);
        assert_eq!((other.count(), other.sum()), (6, 215));
        let cumulated: Vec<_> = other.cumulated().collect();
        assert_eq!(cumulated, [(10, 3), (50, 3)]);
    }

    #[test]
    fn carried_counters_have_names() {
        let mut counters = Counters::default();
        counters.count_event_in(RequestKind::Hello);
        counters.texts_out = 7;
        let text = serde_json::to_string(&counters).expect("counters");
        let carried: Counters = serde_json::from_str(&text).expect("the same counters");
        assert_eq!(carried.events_in, counters.events_in);
        assert_eq!(carried.texts_out, 7);
        // From a release that counted something else, too, and knew less.
        let other = r#"{"events_in":{"dance":3,"hello":2},"moods":1}"#;
        let carried: Counters = serde_json::from_str(other).expect("counters");
        assert_eq!(carried.events_in, [2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(carried.texts_out, 0);
    }

    #[test]
    fn what_no_table_knows_is_counted_as_the_last_one() {
        let mut counters = Counters::default();
        for name in ["hello", "dance", "", "ping"] {
            counters.count_event_in(RequestKind::of(name));
        }
        assert_eq!(counters.events_in, [1, 0, 0, 0, 0, 0, 1, 0, 0, 2]);
        let mut traffic = Traffic::default();
        for status in [200, 418] {
            traffic.count_answer(status);
        }
        let ends = [CloseReason::Flood, CloseReason::SlowReader].map(Ended::Closed);
        for ended in ends.into_iter().chain([Ended::Lost]) {
            traffic.count_end(ended);
        }
        assert_eq!(traffic.answers[0], 1);
        assert_eq!(traffic.answers[STATUSES.len() - 1], 1);
        let labels = [
            "left", "lost", "1000", "1002", "1003", "1007", "1008", "1009", "1012", "4001", "4002",
            "4408",
        ];
        let want = labels.map(|label| (label, [("1008", 2), ("lost", 1)]));
        let want = want.map(|(label, counted)| {
            let count = counted.iter().find(|(counted, _)| *counted == label);
            (label, count.map_or(0, |&(_, count)| count))
        });
        assert_eq!(traffic.endings(), want);
    }
}

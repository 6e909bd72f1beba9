//! The metrics page: numbers in Prometheus' text format.
//!
//! Source: prometheus.io, "Exposition formats", text format 0.0.4. Names and labels come from our
//! own tables, so nothing is escaped here. Absent: which numbers there are.

use std::fmt::{Display, Write as _};

use super::Histogram;

/// The value of `Content-Type`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How a family's numbers behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows; its name ends in `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// The text being written.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// The finished text.
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }

    /// A family of one number.
    pub fn single(&mut self, kind: Kind, name: &str, help: &str, value: impl Display) {
        self.head(name, help, type_of(kind));
        self.sample(name, "", value);
    }

    /// A family with one label: its values and their numbers.
    pub fn family<'a, N: Display>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        label: &str,
        rows: impl IntoIterator<Item = (&'a str, N)>,
    ) {
        self.head(name, help, type_of(kind));
        for (value, number) in rows {
            self.sample(name, &format!("{label}=\"{value}\""), number);
        }
    }

    /// The first lines of a family; its samples follow.
    pub fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// One number; `labels` as `a="b",c="d"`.
    pub fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = match labels {
            "" => writeln!(self.text, "{name} {value}"),
            _ => writeln!(self.text, "{name}{{{labels}}} {value}"),
        };
    }

    /// A histogram in seconds, of numbers of which `per_second` make one.
    pub fn histogram<const N: usize>(
        &mut self,
        name: &str,
        labels: &str,
        histogram: &Histogram<N>,
        per_second: u32,
    ) {
        let seconds = |number: u64| number as f64 / f64::from(per_second);
        let comma = if labels.is_empty() { "" } else { "," };
        let bucket = format!("{name}_bucket");
        for (bound, below) in histogram.cumulated() {
            let labels = format!("{labels}{comma}le=\"{}\"", seconds(bound));
            self.sample(&bucket, &labels, below);
        }
        let count = histogram.count();
        self.sample(&bucket, &format!("{labels}{comma}le=\"+Inf\""), count);
        self.sample(&format!("{name}_sum"), labels, seconds(histogram.sum()));
        self.sample(&format!("{name}_count"), labels, count);
    }
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Histogram;
    use super::{Exposition, Kind};

    #[test]
    fn a_page_of_every_kind() {
        let mut histogram = Histogram::new(&[1, 1_500]);
        for number in [0, 2, 2_000] {
            histogram.observe(number);
        }
        let mut page = Exposition::default();
        page.single(Kind::Gauge, "rooms", "Rooms.", 7);
        page.family(
            Kind::Counter,
            "a_total",
            "A.",
            "of",
            [("x", 1_u64), ("y", 2)],
        );
        page.head("wait_seconds", "Wait.", "histogram");
        page.histogram("wait_seconds", "of=\"x\"", &histogram, 1_000);
        let want = "\
# HELP rooms Rooms.
# TYPE rooms gauge
rooms 7
# HELP a_total A.
# TYPE a_total counter
a_total{of=\"x\"} 1
a_total{of=\"y\"} 2
# HELP wait_seconds Wait.
# TYPE wait_seconds histogram
wait_seconds_bucket{of=\"x\",le=\"0.001\"} 1
wait_seconds_bucket{of=\"x\",le=\"1.5\"} 2
wait_seconds_bucket{of=\"x\",le=\"+Inf\"} 3
wait_seconds_sum{of=\"x\"} 2.002
wait_seconds_count{of=\"x\"} 3
";
        assert_eq!(page.finish(), want);
    }
}

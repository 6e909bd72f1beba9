//! The figures as Prometheus' text, as JSON, and as a page for a person.
//!
//! Absent: the counting itself, and the reading of requests.

use std::fmt::Write as _;

use super::process::{Process, Usage};
use super::{CONNS_MAX, Figures};
use crate::metrics::text::{self, Exposition, Kind};
use crate::metrics::{Refusal, STATUSES};
use crate::model::{ClientKind, Dialect, EventKind, RequestKind, StoreHealth, TokenOutcome};
use crate::time::Millis;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const JSON: &str = "application/json";

/// The content type and body at a path.
pub(super) fn find(
    path: &str,
    figures: &Figures<'_>,
    process: &Process,
) -> Option<(&'static str, String)> {
    Some(match path {
        "/" | "/status" => (HTML, include_str!("page/status.html").to_owned()),
        "/status.css" => (CSS, include_str!("page/status.css").to_owned()),
        "/status.js" => (JS, include_str!("page/status.js").to_owned()),
        "/statusz" => (JSON, json(figures, process)),
        "/metrics" => (text::CONTENT_TYPE, metrics(figures, process)),
        _ => return None,
    })
}

fn metrics(figures: &Figures<'_>, process: &Process) -> String {
    let mut page = Exposition::default();
    game(&mut page, figures);
    sockets(&mut page, figures);
    if let Some(store) = figures.store {
        kept(&mut page, figures, &store.health());
    }
    instances(&mut page, figures);
    tls(&mut page, figures);
    machine(&mut page, figures, process);
    page.finish()
}

/// What the hub and the world counted.
fn game(page: &mut Exposition, figures: &Figures<'_>) {
    let (counters, tally) = (figures.hub.counters(), figures.hub.tally());
    let name = "roshambo_connections";
    page.head(
        name,
        "Open connections by dialect and generation of client.",
        "gauge",
    );
    for (dialect, row) in Dialect::named(counters.open) {
        for (generation, count) in ClientKind::named(row) {
            let labels = format!("dialect=\"{dialect}\",generation=\"{generation}\"");
            page.sample(name, &labels, count);
        }
    }
    page.family(
        Kind::Counter,
        "roshambo_connections_opened_total",
        "WebSocket connections opened.",
        "dialect",
        Dialect::named(counters.opened),
    );
    let name = "roshambo_events_total";
    page.head(
        name,
        "Events by name and direction, refused and dropped ones too.",
        "counter",
    );
    for (event, count) in RequestKind::named(counters.events_in) {
        page.sample(name, &format!("direction=\"in\",event=\"{event}\""), count);
    }
    for (event, count) in EventKind::named(counters.events_out) {
        page.sample(name, &format!("direction=\"out\",event=\"{event}\""), count);
    }
    page.family(
        Kind::Counter,
        "roshambo_messages_total",
        "Text messages, packets without an event too.",
        "direction",
        [("in", counters.texts_in), ("out", counters.texts_out)],
    );
    page.family(
        Kind::Counter,
        "roshambo_events_refused_total",
        "Events that had no effect because of themselves.",
        "reason",
        [
            ("rate-limit", counters.dropped_events),
            ("room-codes", counters.refused_codes),
            ("unknown", counters.unknown_events),
            ("malformed", counters.bad_payloads),
        ],
    );
    page.family(
        Kind::Counter,
        "roshambo_rounds_total",
        "Rounds begun, by who sat opposite.",
        "opponent",
        [("human", tally.human_rounds), ("robot", tally.robot_rounds)],
    );
    let running = figures.hub.running_rounds();
    page.single(Kind::Gauge, "roshambo_rounds", "Rounds that run.", running);
    let (players, rooms, sessions) = figures.hub.population();
    page.single(
        Kind::Gauge,
        "roshambo_players",
        "Players, offline ones too.",
        players,
    );
    page.single(
        Kind::Gauge,
        "roshambo_rooms",
        "Rooms, waiting players' too.",
        rooms,
    );
    page.single(Kind::Gauge, "roshambo_sessions", "Sessions kept.", sessions);
    page.family(
        Kind::Counter,
        "roshambo_sessions_resumed_total",
        "Sessions taken up again: by a player who was offline, or over a living connection.",
        "from",
        [
            ("offline", tally.resumed.saturating_sub(counters.takeovers)),
            ("connection", counters.takeovers),
        ],
    );
    let name = "roshambo_sessions_refused_total";
    let help = "Connections closed because their address had too many new sessions in a minute.";
    page.single(Kind::Counter, name, help, counters.refused_newcomers);
    let name = "roshambo_persons";
    let help = "Players that are persons, offline ones too.";
    page.single(Kind::Gauge, name, help, figures.hub.persons());
    page.family(
        Kind::Counter,
        "roshambo_tokens_total",
        "Signed tokens that were looked at, by what came of it; absent: a person's session without one.",
        "outcome",
        TokenOutcome::named(counters.tokens),
    );
    let (name, help) = ("roshambo_private_rooms_total", "Private rooms made.");
    page.single(Kind::Counter, name, help, tally.private_rooms);
    let name = "roshambo_lobby_wait_seconds";
    page.head(
        name,
        "From a join to its round, by who sat opposite.",
        "histogram",
    );
    page.histogram(name, "opponent=\"human\"", &tally.waits_for_human, 1_000);
    page.histogram(name, "opponent=\"robot\"", &tally.waits_for_robot, 1_000);
    let name = "roshambo_round_end_lateness_seconds";
    page.head(
        name,
        "How long after their deadline rounds ended.",
        "histogram",
    );
    page.histogram(name, "", &tally.lateness, 1_000);
}

/// What the loop and the sockets counted.
fn sockets(page: &mut Exposition, figures: &Figures<'_>) {
    let traffic = figures.traffic;
    let (name, help) = ("roshambo_accepts_total", "Connections accepted.");
    page.single(Kind::Counter, name, help, traffic.accepted);
    let name = "roshambo_accept_pauses_total";
    let help = "Times that accepting paused because descriptors or memory ran out.";
    page.single(Kind::Counter, name, help, traffic.accept_pauses);
    page.family(
        Kind::Counter,
        "roshambo_refusals_total",
        "Those who were not let in.",
        "reason",
        Refusal::named(traffic.refused),
    );
    let name = "roshambo_http_answers_total";
    page.head(name, "Plain HTTP answers by status.", "counter");
    for (status, count) in STATUSES.iter().zip(traffic.answers) {
        let labels = match status {
            0 => "status=\"other\"".to_owned(),
            _ => format!("status=\"{status}\""),
        };
        page.sample(name, &labels, count);
    }
    page.family(
        Kind::Counter,
        "roshambo_connections_ended_total",
        "Open connections that ended; numbers are close codes of the server's.",
        "reason",
        traffic.endings(),
    );
    let name = "roshambo_slow_readers_total";
    let help = "Connections closed because more than --max-queue waited for them.";
    page.single(Kind::Counter, name, help, traffic.slow_readers);
    page.family(
        Kind::Counter,
        "roshambo_traffic_bytes_total",
        "Bytes on the players' connections, frames and heads included.",
        "direction",
        [("in", traffic.bytes_in), ("out", traffic.bytes_out)],
    );
    let (name, help) = (
        "roshambo_sockets",
        "Sockets, those before and after WebSocket too.",
    );
    page.single(Kind::Gauge, name, help, figures.sockets);
    let (name, help) = (
        "roshambo_connections_limit",
        "The effective --max-connections.",
    );
    page.single(Kind::Gauge, name, help, figures.config.max_connections);
    page.single(
        Kind::Gauge,
        "roshambo_timers",
        "Timers armed.",
        figures.timers,
    );
    let (name, help) = ("roshambo_draining", "1 while the server is asked to stop.");
    page.single(Kind::Gauge, name, help, u8::from(figures.draining));
    page.family(
        Kind::Counter,
        "roshambo_reloads_total",
        "Times that another program was to take this one's place, and whether it did.",
        "outcome",
        [
            ("done", traffic.reloads),
            ("failed", traffic.failed_reloads),
        ],
    );
    let name = "roshambo_reload_pause_seconds";
    let help =
        "How long nobody was served while a program took another one's place, the last time.";
    page.single(Kind::Gauge, name, help, traffic.reload_us as f64 / 1e6);
    let name = "roshambo_turn_duration_seconds";
    page.head(
        name,
        "How long the loop's turns took, without the sleep.",
        "histogram",
    );
    page.histogram(name, "", &traffic.turns, 1_000_000);
}

/// Which instance this is, and who plays at the others.
fn instances(page: &mut Exposition, figures: &Figures<'_>) {
    let name = "roshambo_players_online";
    let help = "Players of this server who are connected and not away.";
    page.single(Kind::Gauge, name, help, figures.hub.online());
    let Some(letter) = figures.config.instance else {
        return;
    };
    let name = "roshambo_instance_info";
    page.head(name, "Which instance this is, by --instance.", "gauge");
    page.sample(name, &format!("letter=\"{letter}\""), 1);
    let (name, help) = (
        "roshambo_instance_doubled",
        "1 while another server has this one's letter.",
    );
    page.single(Kind::Gauge, name, help, u8::from(figures.hub.is_doubled()));
    let name = "roshambo_other_instance_online";
    let help = "Players of the other instances that live, as the store told a moment ago.";
    page.head(name, help, "gauge");
    for peer in figures.hub.others() {
        page.sample(name, &format!("letter=\"{}\"", peer.letter), peer.online);
    }
}

/// How TLS fares.
fn tls(page: &mut Exposition, figures: &Figures<'_>) {
    let traffic = figures.traffic;
    page.family(
        Kind::Counter,
        "roshambo_tls_handshakes_total",
        "Handshakes of TLS, and whether they went well.",
        "outcome",
        [
            ("done", traffic.handshakes),
            ("failed", traffic.failed_handshakes),
        ],
    );
    let name = "roshambo_tls_certificate_end_timestamp_seconds";
    let help = "When the certificate in use ends, since 1970; 0 while there is none.";
    page.single(Kind::Gauge, name, help, figures.keys.until_s().unwrap_or(0));
}

/// How the store is, and what it still has to do.
fn kept(page: &mut Exposition, figures: &Figures<'_>, health: &StoreHealth) {
    let name = "roshambo_store_up";
    let help = "1 while results can be written, 0 while they wait.";
    let up = u8::from(health.trouble.is_none());
    page.single(Kind::Gauge, name, help, up);
    let name = "roshambo_store_queue";
    let help = "Orders to the store that are not committed yet.";
    page.single(Kind::Gauge, name, help, health.queued);
    let name = "roshambo_store_committed_total";
    let help = "Orders that are committed: on the disk, if there is one.";
    page.single(Kind::Counter, name, help, health.committed);
    let (name, help) = ("roshambo_store_commits_total", "Commits.");
    page.single(Kind::Counter, name, help, health.commits);
    if let Some(age_ms) = commit_age_ms(figures, health) {
        let name = "roshambo_store_last_commit_age_seconds";
        let help = "Time since the last commit; where nobody wins there is none.";
        page.single(Kind::Gauge, name, help, age_ms as f64 / 1_000.0);
    }
    let (name, help) = ("roshambo_store_bytes", "Bytes of the file and its log.");
    page.single(Kind::Gauge, name, help, health.bytes);
    let name = "roshambo_sessions_owed";
    let help = "Sessions with results that are not known to be committed.";
    page.single(Kind::Gauge, name, help, figures.hub.owed());
    let name = "roshambo_store_waiting";
    let help = "Connections that wait for an answer of the store's.";
    page.single(Kind::Gauge, name, help, figures.hub.waiting());
    let tally = figures.hub.tally();
    page.family(
        Kind::Counter,
        "roshambo_sessions_taken_total",
        "Sessions of unknown tokens: taken from the store, or begun before it answered.",
        "how",
        [("stored", tally.restored), ("pending", tally.pending)],
    );
}

fn commit_age_ms(figures: &Figures<'_>, health: &StoreHealth) -> Option<u64> {
    Some(figures.now.since(Millis(health.committed_at_ms?)))
}

/// What the kernel says; the names are those that Prometheus' own clients use.
fn machine(page: &mut Exposition, figures: &Figures<'_>, process: &Process) {
    let usage = Usage::read();
    let name = "roshambo_build_info";
    page.head(name, "The version that runs.", "gauge");
    page.sample(
        name,
        concat!("version=\"", env!("CARGO_PKG_VERSION"), "\""),
        1,
    );
    let rows = [
        (
            "process_resident_memory_bytes",
            "Memory in use.",
            usage.resident_bytes,
        ),
        (
            "process_virtual_memory_bytes",
            "Address space.",
            usage.virtual_bytes,
        ),
        (
            "process_open_fds",
            "Open descriptors; counted at the start, connections added.",
            process.descriptors(figures.sockets),
        ),
        (
            "process_max_fds",
            "Most descriptors there may be.",
            process.descriptors_max,
        ),
    ];
    for (name, help, value) in rows {
        page.single(Kind::Gauge, name, help, value);
    }
    let seconds = usage.cpu_ns as f64 / 1e9;
    let (name, help) = (
        "process_cpu_seconds_total",
        "Processor time of the loop's thread.",
    );
    page.single(Kind::Counter, name, help, seconds);
    let (name, help) = ("process_start_time_seconds", "When it started, since 1970.");
    page.single(Kind::Gauge, name, help, process.started_s);
}

/// What the status page shows; other programs may read it, too.
fn json(figures: &Figures<'_>, process: &Process) -> String {
    let (counters, tally) = (figures.hub.counters(), figures.hub.tally());
    let (players, rooms, sessions) = figures.hub.population();
    let usage = Usage::read();
    let mut out = String::from("{");
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "\"version\":\"{}\",\"uptime_s\":{},\"draining\":{},\"open\":{},\"limit\":{},\
         \"sockets\":{},\"players\":{players},\"rooms\":{rooms},\"sessions\":{sessions},\
         \"rounds_running\":{},\"rounds_human\":{},\"rounds_robot\":{},\"timers\":{}",
        env!("CARGO_PKG_VERSION"),
        figures.now.0 / 1_000,
        figures.draining,
        figures.open,
        figures.config.max_connections,
        figures.sockets,
        figures.hub.running_rounds(),
        tally.human_rounds,
        tally.robot_rounds,
        figures.timers,
    );
    let _ = write!(
        out,
        ",\"wait_human_p99_ms\":{},\"wait_robot_p99_ms\":{},\"lateness_p99_ms\":{},\
         \"turn_p99_us\":{},\"resident_bytes\":{},\"cpu_s\":{},\"descriptors\":{},\
         \"descriptors_max\":{},\"admin_connections_max\":{CONNS_MAX}",
        tally.waits_for_human.percentile(99),
        tally.waits_for_robot.percentile(99),
        tally.lateness.percentile(99),
        figures.traffic.turns.percentile(99),
        usage.resident_bytes,
        usage.cpu_ns / 1_000_000_000,
        process.descriptors(figures.sockets),
        process.descriptors_max,
    );
    if let Some(store) = figures.store {
        put_store(&mut out, figures, &store.health());
    }
    let _ = write!(out, ",\"online\":{}", figures.hub.online());
    if let Some(letter) = figures.config.instance {
        let _ = write!(out, ",\"instance\":\"{letter}\",\"others\":{{");
        for (index, peer) in figures.hub.others().iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(out, "{comma}\"{}\":{}", peer.letter, peer.online);
        }
        out.push('}');
    }
    if figures.keys.are_asked_for() {
        let left = figures.keys.left_s();
        let left = left.map_or("null".to_owned(), |left| left.to_string());
        let (done, failed) = (
            figures.traffic.handshakes,
            figures.traffic.failed_handshakes,
        );
        let _ = write!(
            out,
            ",\"tls\":{{\"left_s\":{left},\"handshakes\":{done},\"failed\":{failed}}}"
        );
    }
    if figures.config.token_key.is_some() {
        let _ = write!(out, ",\"persons\":{{\"here\":{}", figures.hub.persons());
        put_map(&mut out, "tokens", TokenOutcome::named(counters.tokens));
        out.push('}');
    }
    let by_dialect = Dialect::named(counters.open)
        .map(|(name, row)| (name, row.iter().map(|&n| u64::from(n)).sum()));
    put_map(&mut out, "dialects", by_dialect);
    let by_generation = ClientKind::ALL.into_iter().map(|client| {
        let column = counters
            .open
            .iter()
            .map(|row| u64::from(row[client.index()]));
        (client.name(), column.sum())
    });
    put_map(&mut out, "generations", by_generation);
    let traffic = figures.traffic;
    put_map(&mut out, "refusals", Refusal::named(traffic.refused));
    put_map(&mut out, "endings", traffic.endings());
    put_map(
        &mut out,
        "events_in",
        RequestKind::named(counters.events_in),
    );
    put_map(
        &mut out,
        "events_out",
        EventKind::named(counters.events_out),
    );
    put_map(
        &mut out,
        "bytes",
        [("in", traffic.bytes_in), ("out", traffic.bytes_out)],
    );
    out.push_str(",\"history\":[");
    for (index, sample) in figures.history.samples().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let (open, rounds, p99) = (sample.open, sample.rounds, sample.turn_p99_us);
        let _ = write!(out, "{comma}[{open},{rounds},{p99}]");
    }
    out.push_str("],\"config\":");
    put_text(&mut out, &figures.config.describe());
    out.push_str("}\n");
    out
}

/// Appends how the store is: `,"store":{…}`.
fn put_store(out: &mut String, figures: &Figures<'_>, health: &StoreHealth) {
    let _ = write!(
        out,
        ",\"store\":{{\"queued\":{},\"committed\":{},\"commits\":{},\"bytes\":{},\"owed\":{},\
         \"waiting\":{}",
        health.queued,
        health.committed,
        health.commits,
        health.bytes,
        figures.hub.owed(),
        figures.hub.waiting(),
    );
    if let Some(age_ms) = commit_age_ms(figures, health) {
        let _ = write!(out, ",\"last_commit_age_ms\":{age_ms}");
    }
    if let Some(trouble) = &health.trouble {
        out.push_str(",\"trouble\":");
        put_text(out, trouble);
    }
    out.push('}');
}

/// Appends `,"key":{"name":number,…}`; the names are our own and need no escape.
fn put_map(out: &mut String, key: &str, rows: impl IntoIterator<Item = (&'static str, u64)>) {
    let _ = write!(out, ",\"{key}\":{{");
    for (index, (name, number)) in rows.into_iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\"{name}\":{number}");
    }
    out.push('}');
}

/// Appends a JSON string (RFC 8259, section 7).
fn put_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            _ if character.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::put_text;

    #[test]
    fn text_is_escaped() {
        let mut out = String::new();
        put_text(&mut out, "a\"b\\c\nd\u{1}剪\u{7f}");
        assert_eq!(out, "\"a\\\"b\\\\c\\nd\\u0001剪\\u007f\"");
    }
}

//! Every limit and duration, once: flag, environment variable, default, range, unit, reason.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A unix socket's path.
    Unix(PathBuf),
}

/// The effective configuration: what was typed, or the default, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// `--listen`
    pub listen: Listen,
    /// `--base-path`: starts with `/`, does not end with one.
    pub base_path: String,
    /// `--public-url`: where the web client's files are reached from outside; no slash at its end.
    pub public_url: Option<String>,
    /// `--game-time`: whole seconds, 1 to 60.
    pub game_time_ms: u64,
    /// `--robot-after`
    pub robot_after_ms: u64,
    /// `--rematch-wait`
    pub rematch_wait_ms: u64,
    /// `--relay-interval`: 0 is off.
    pub relay_interval_ms: u64,
    /// `--rate-limit`: events per second, 0 is off.
    pub rate_limit: u32,
    /// `--session-ttl`
    pub session_ttl_ms: u64,
    /// `--max-sessions`
    pub max_sessions: usize,
    /// `--state`
    pub state: Option<PathBuf>,
    /// `--max-connections`
    pub max_connections: usize,
    /// `--max-message`: bytes.
    pub max_message: usize,
    /// `--max-queue`: bytes.
    pub max_queue: usize,
    /// `--head-timeout`
    pub head_timeout_ms: u64,
    /// `--hello-timeout`
    pub hello_timeout_ms: u64,
    /// `--linger`
    pub linger_ms: u64,
    /// `--ping-interval`
    pub ping_interval_ms: u64,
    /// `--ping-timeout`: old clients; announced to Engine.IO 3 clients.
    pub ping_timeout_ms: u64,
    /// `--ping-timeout-eio4`: announced to Engine.IO 4 clients.
    pub ping_timeout_eio4_ms: u64,
    /// `--ping-timeout-v2`: after an unanswered ping.
    pub ping_timeout_v2_ms: u64,
    /// `--drain-timeout`
    pub drain_timeout_ms: u64,
    /// `--drain-spread`
    pub drain_spread_ms: u64,
    /// `--log-level`
    pub log_level: log::LevelFilter,
    /// `--seed`: of robots and spreads; never of secrets.
    pub seed: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 9595))),
            base_path: "/applet/websocket".into(),
            public_url: None,
            game_time_ms: 3_000,
            robot_after_ms: 1_000,
            rematch_wait_ms: 5_000,
            relay_interval_ms: 100,
            rate_limit: 10,
            session_ttl_ms: 30 * 60_000,
            max_sessions: 100_000,
            state: None,
            max_connections: 10_000,
            max_message: 4096,
            max_queue: 16 * 1024,
            head_timeout_ms: 10_000,
            hello_timeout_ms: 30_000,
            linger_ms: 2_000,
            ping_interval_ms: 25_000,
            ping_timeout_ms: 60_000,
            ping_timeout_eio4_ms: 20_000,
            ping_timeout_v2_ms: 10_000,
            drain_timeout_ms: 10_000,
            drain_spread_ms: 5_000,
            log_level: log::LevelFilter::Info,
            seed: None,
        }
    }
}

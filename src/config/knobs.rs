//! The table of knobs: every limit and duration of the server, each once.
//!
//! No value is parsed here and none is kept; a row says where its value lives in [`Config`].

use super::Config;
use super::networks::Networks;
use super::parse;

/// One setting: everything there is to know about it.
pub(super) struct Knob {
    /// As it is typed, with both dashes.
    pub(super) flag: &'static str,
    /// Under which heading `--help` shows it.
    pub(super) section: Section,
    /// What it takes, and where that is kept.
    pub(super) kind: Kind,
    /// In the syntax of the flag; empty means not set.
    pub(super) default: &'static str,
    /// What it does and why it is as it is; at most three lines of 80 columns.
    pub(super) help: &'static str,
}

impl Knob {
    /// `ROSHAMBO_` and the flag in capitals.
    pub(super) fn env(&self) -> String {
        let name = self.flag.trim_start_matches('-').replace('-', "_");
        format!("ROSHAMBO_{}", name.to_ascii_uppercase())
    }

    /// Whether the flag alone means something.
    pub(super) fn is_switch(&self) -> bool {
        matches!(self.kind, Kind::Text { metavar, .. } if metavar == SWITCH)
    }
}

/// The headings of `--help`, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Listening,
    Tls,
    Game,
    Limits,
    Timeouts,
    Sessions,
    Persons,
    Stopping,
    Development,
}

impl Section {
    pub(super) const ALL: [Self; 9] = [
        Self::Listening,
        Self::Tls,
        Self::Game,
        Self::Limits,
        Self::Timeouts,
        Self::Sessions,
        Self::Persons,
        Self::Stopping,
        Self::Development,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Listening => "Where to listen",
            Self::Tls => "TLS, without a proxy",
            Self::Game => "The game",
            Self::Limits => "Limits",
            Self::Timeouts => "Time-outs",
            Self::Sessions => "Sessions",
            Self::Persons => "Persons",
            Self::Stopping => "Stopping",
            Self::Development => "Logging and development",
        }
    }
}

/// The metavar of a switch.
const SWITCH: &str = "yes|no";

/// What a knob takes.
pub(super) enum Kind {
    /// A number with a unit, from `min` to `max`, both included.
    Number {
        unit: Unit,
        min: u64,
        max: u64,
        get: fn(&Config) -> u64,
        set: fn(&mut Config, u64),
    },
    /// Anything else; `set` says what is wrong with a text, `get` is `None` for "not set".
    Text {
        metavar: &'static str,
        get: fn(&Config) -> Option<String>,
        set: fn(&mut Config, &str) -> Result<(), String>,
    },
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A duration, kept in milliseconds.
    Milliseconds,
    /// A duration in whole seconds, kept in milliseconds.
    WholeSeconds,
    Bytes,
    /// Things, named in the plural.
    Count(&'static str),
}

/// A [`Kind::Number`] that lives in the named field.
macro_rules! number {
    ($field:ident, $unit:expr, $min:expr, $max:expr) => {
        Kind::Number {
            unit: $unit,
            min: $min,
            max: $max,
            get: |config| config.$field as u64,
            // The range was checked, and every range fits its field.
            set: |config, value| config.$field = value as _,
        }
    };
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const KIB: u64 = 1_024;

/// All knobs, in the order of `--help`.
pub(super) const KNOBS: &[Knob] = &[
    Knob {
        flag: "--listen",
        section: Section::Listening,
        kind: Kind::Text {
            metavar: "ADDR:PORT|unix:/PATH",
            get: |config| Some(parse::show_listen(&config.listen)),
            set: |config, text| parse::listen(text).map(|listen| config.listen = listen),
        },
        default: "127.0.0.1:9595",
        help: "Only this machine by default: the outside belongs to a proxy such as nginx, or to\n\
               --tls-listen. Port 0 takes a free one. If this is not given, PORT replaces the\n\
               default's port.",
    },
    Knob {
        flag: "--unix-mode",
        section: Section::Listening,
        kind: Kind::Text {
            metavar: "MODE",
            get: |config| Some(parse::show_mode(config.unix_mode)),
            set: |config, text| parse::mode(text).map(|mode| config.unix_mode = mode),
        },
        default: "0666",
        help: "Who may connect to the unix socket of --listen, in octal as for chmod. Any user of\n\
               this machine by default, as with 127.0.0.1, so that nginx can; 0660 lets only its\n\
               owner and group in. That of --admin is 0660.",
    },
    Knob {
        flag: "--admin",
        section: Section::Listening,
        kind: Kind::Text {
            metavar: "ADDR:PORT|unix:/PATH",
            get: |config| config.admin.as_ref().map(parse::show_listen),
            set: |config, text| parse::listen(text).map(|listen| config.admin = Some(listen)),
        },
        default: "",
        help: "Metrics (/metrics) and a status page (/status), for the people who run this and\n\
               for nobody else: never show it to the outside.",
    },
    Knob {
        flag: "--base-path",
        section: Section::Listening,
        kind: Kind::Text {
            metavar: "PATH",
            get: |config| Some(config.base_path.clone()),
            set: |config, text| parse::base_path(text).map(|path| config.base_path = path),
        },
        default: "/applet/websocket",
        help: "Where sockets are opened; the default is what the original mini program asks\n\
               for.",
    },
    Knob {
        flag: "--public-url",
        section: Section::Listening,
        kind: Kind::Text {
            metavar: "URL",
            get: |config| config.public_url.clone(),
            set: |config, text| parse::public_url(text).map(|url| config.public_url = Some(url)),
        },
        default: "",
        help: "Where players reach the web page, e.g. https://example.org/applet/websocket. Old\n\
               mini programs load the built-in avatars from there; without it they see none,\n\
               and a link that is posted somewhere may show no picture.",
    },
    Knob {
        flag: "--trusted-proxy",
        section: Section::Listening,
        kind: Kind::Text {
            metavar: "ADDRESS[/BITS],...",
            get: |config| Some(config.trusted_proxies.to_string()),
            set: |config, text| Networks::parse(text).map(|list| config.trusted_proxies = list),
        },
        default: "127.0.0.0/8,::1",
        help: "Whose X-Forwarded-For is believed; a unix socket's always is. It has to set that\n\
               field itself, or anybody can claim any address. \"none\" trusts nobody.",
    },
    Knob {
        flag: "--remote-avatars",
        section: Section::Listening,
        kind: Kind::Text {
            metavar: SWITCH,
            get: |config| Some(parse::show_switch(config.remote_avatars).into()),
            set: |config, text| parse::switch(text).map(|on| config.remote_avatars = on),
        },
        default: "no",
        help: "Whether the web page shows avatars from other people's addresses. Whoever owns\n\
               such an address learns the addresses of its opponents. The flag alone means yes.",
    },
    Knob {
        flag: "--tls-listen",
        section: Section::Tls,
        kind: Kind::Text {
            metavar: "ADDR:PORT",
            get: |config| config.tls_listen.map(|address| address.to_string()),
            set: |config, text| parse::address(text).map(|to| config.tls_listen = Some(to)),
        },
        default: "",
        help: "Everything that --listen serves, by https:// and wss://: TLS 1.2 and 1.3; needs the\n\
               next two flags. One name a server; for other sites beside it there is nginx.",
    },
    Knob {
        flag: "--tls-cert",
        section: Section::Tls,
        kind: Kind::Text {
            metavar: "FILE",
            get: |config| parse::show_path(config.tls_cert.as_deref()),
            set: |config, text| parse::path(text).map(|path| config.tls_cert = Some(path)),
        },
        default: "",
        help: "The certificate in PEM form, the ones that signed it behind it (fullchain.pem). It\n\
               is looked at every 5s: a renewed pair is taken up, a broken one is not.",
    },
    Knob {
        flag: "--tls-key",
        section: Section::Tls,
        kind: Kind::Text {
            metavar: "FILE",
            get: |config| parse::show_path(config.tls_key.as_deref()),
            set: |config, text| parse::path(text).map(|path| config.tls_key = Some(path)),
        },
        default: "",
        help: "Its private key in PEM form, which only this user and a group may read.",
    },
    Knob {
        flag: "--hsts",
        section: Section::Tls,
        kind: number!(hsts_ms, Unit::WholeSeconds, 0, 730 * 24 * HOUR),
        default: "0",
        help: "For so long browsers come back by https:// only (Strict-Transport-Security); 0 is\n\
               off. They remember it: begin with minutes.",
    },
    Knob {
        flag: "--http-redirect",
        section: Section::Tls,
        kind: Kind::Text {
            metavar: "ADDR:PORT",
            get: |config| config.http_redirect.map(|address| address.to_string()),
            set: |config, text| parse::address(text).map(|to| config.http_redirect = Some(to)),
        },
        default: "",
        help: "Sends who comes by http:// to https://, as on port 80.",
    },
    Knob {
        flag: "--acme-webroot",
        section: Section::Tls,
        kind: Kind::Text {
            metavar: "FOLDER",
            get: |config| parse::show_path(config.acme_webroot.as_deref()),
            set: |config, text| {
                parse::path(text.trim_end_matches('/')).map(|path| config.acme_webroot = Some(path))
            },
        },
        default: "",
        help: "Whose .well-known/acme-challenge --http-redirect shows, so that an authority sees\n\
               whose name it is (certbot certonly --webroot -w FOLDER).",
    },
    Knob {
        flag: "--game-time",
        section: Section::Game,
        kind: number!(game_time_ms, Unit::WholeSeconds, SECOND, MINUTE),
        default: "3s",
        help: "Length of a round. Clients count it down in whole seconds.",
    },
    Knob {
        flag: "--robot-after",
        section: Section::Game,
        kind: number!(robot_after_ms, Unit::Milliseconds, 0, MINUTE),
        default: "1s",
        help: "How long a lonely player waits for a human before a robot sits down, unless it\n\
               has just played against one; 0 is at once.",
    },
    Knob {
        flag: "--rematch-wait",
        section: Section::Game,
        kind: number!(rematch_wait_ms, Unit::Milliseconds, 0, MINUTE),
        default: "5s",
        help: "How long a player who wants to go on waits for its partner before it gets\n\
               another one. Rooms last 60s after a result, so there is nothing to wait for\n\
               beyond that.",
    },
    Knob {
        flag: "--relay-interval",
        section: Section::Game,
        kind: number!(relay_interval_ms, Unit::Milliseconds, 0, 10 * SECOND),
        default: "100ms",
        help: "An opponent's choices and faces are shown at most this often, so that nobody can\n\
               flood the other's page; 0 is off.",
    },
    Knob {
        flag: "--rate-limit",
        section: Section::Limits,
        kind: number!(rate_limit, Unit::Count("events per second"), 0, 1_000),
        default: "10",
        help: "Events per second and connection, with bursts of twice as many: more than\n\
               fingers can do; 0 is off.",
    },
    Knob {
        flag: "--max-connections",
        section: Section::Limits,
        kind: number!(max_connections, Unit::Count("connections"), 1, 1_000_000),
        default: "10000",
        help: "Above it new ones are answered 503. Each needs a file descriptor; if fewer files\n\
               may be open (ulimit -n, LimitNOFILE=), there are fewer.",
    },
    Knob {
        flag: "--max-per-address",
        section: Section::Limits,
        kind: number!(max_per_address, Unit::Count("connections"), 0, 1_000_000),
        default: "256",
        help: "Above it an address is answered 503; it may begin as many sessions a minute, or\n\
               300. Large, since many phones share one address; an IPv6 network of /64 counts\n\
               as one. 0 is off.",
    },
    Knob {
        flag: "--max-message",
        section: Section::Limits,
        kind: number!(max_message, Unit::Bytes, KIB, 64 * KIB),
        default: "4k",
        help: "Longest message from a client; the longest greeting needs not quite 1k.",
    },
    Knob {
        flag: "--max-queue",
        section: Section::Limits,
        kind: number!(max_queue, Unit::Bytes, 2 * KIB, 16 * KIB * KIB),
        default: "8k",
        help: "What may wait in the process for a client that does not read; beyond it the\n\
               connection is closed. The kernel's share is bounded to three times as much.",
    },
    Knob {
        flag: "--head-timeout",
        section: Section::Timeouts,
        kind: number!(head_timeout_ms, Unit::Milliseconds, 100, 5 * MINUTE),
        default: "10s",
        help: "For a complete HTTP request, so that silent connections do not pile up.",
    },
    Knob {
        flag: "--hello-timeout",
        section: Section::Timeouts,
        kind: number!(hello_timeout_ms, Unit::Milliseconds, 100, 10 * MINUTE),
        default: "30s",
        help: "For the first packet on a new socket, also on the slowest phone.",
    },
    Knob {
        flag: "--ping-interval",
        section: Section::Timeouts,
        kind: number!(ping_interval_ms, Unit::Milliseconds, 100, 10 * MINUTE),
        default: "25s",
        help: "A ping after this much silence; under the 60s after which proxies hang up.",
    },
    Knob {
        flag: "--ping-timeout",
        section: Section::Timeouts,
        kind: number!(ping_timeout_ms, Unit::Milliseconds, 100, HOUR),
        default: "60s",
        help: "Old clients: closed after the ping interval and this without a sign of life.\n\
               Long, since the original mini program does not come back by itself.",
    },
    Knob {
        flag: "--ping-timeout-eio4",
        section: Section::Timeouts,
        kind: number!(ping_timeout_eio4_ms, Unit::Milliseconds, 100, HOUR),
        default: "20s",
        help: "Socket.IO 3 and 4 clients: the same, counted from the server's ping. It is\n\
               announced to them, and they hang up by it too.",
    },
    Knob {
        flag: "--ping-timeout-v2",
        section: Section::Timeouts,
        kind: number!(ping_timeout_v2_ms, Unit::Milliseconds, 100, HOUR),
        default: "10s",
        help: "Clients with sessions: closed this long after an unanswered ping. Short, since\n\
               they come back by themselves and lose nothing.",
    },
    Knob {
        flag: "--linger",
        section: Section::Timeouts,
        kind: number!(linger_ms, Unit::Milliseconds, 100, 30 * SECOND),
        default: "2s",
        help: "How long a closing connection is still read, so that its peer gets the last\n\
               answer.",
    },
    Knob {
        flag: "--session-ttl",
        section: Section::Sessions,
        kind: number!(session_ttl_ms, Unit::Milliseconds, SECOND, 7 * 24 * HOUR),
        default: "30m",
        help: "How long a player who is cut off keeps its place, and a session that won nothing;\n\
               the default is about the life of a suspended mini program.",
    },
    Knob {
        flag: "--max-sessions",
        section: Section::Sessions,
        kind: number!(max_sessions, Unit::Count("sessions"), 1, 10_000_000),
        default: "100000",
        help: "Above it those that never won a point are forgotten, the longest offline first.\n\
               Those with points are never forgotten for a newcomer's sake.",
    },
    Knob {
        flag: "--store",
        section: Section::Sessions,
        kind: Kind::Text {
            metavar: "FILE|URL",
            get: |config| Some(parse::show_store(&config.store)),
            set: |config, text| parse::store(text).map(|store| config.store = store),
        },
        default: "roshambo.db",
        help: "Points and streaks are kept there, each result as soon as it is told: an SQLite\n\
               file. memory: until the process ends. redis://[USER:PASSWORD@]HOST[:PORT][/DB],\n\
               redis+unix:///SOCKET[?db=DB], rediss://…: Redis or Valkey, which several servers\n\
               may share.",
    },
    Knob {
        flag: "--instance",
        section: Section::Sessions,
        kind: Kind::Text {
            metavar: "LETTER",
            get: |config| config.instance.map(|letter| letter.to_string()),
            set: |config, text| parse::instance(text).map(|letter| config.instance = Some(letter)),
        },
        default: "",
        help: "Which one this server is of several that share a store: a to z without i, l and o.\n\
               Its tokens and the codes of its rooms begin with it, so that a proxy can lead back\n\
               here; each one has another.",
    },
    Knob {
        flag: "--score-ttl",
        section: Section::Sessions,
        kind: number!(score_ttl_ms, Unit::Milliseconds, MINUTE, 3650 * 24 * HOUR),
        default: "30d",
        help: "How long points and streak are kept of a player who does not come back.",
    },
    Knob {
        flag: "--token-key",
        section: Section::Persons,
        kind: Kind::Text {
            metavar: "FILE",
            get: |config| {
                config
                    .token_key
                    .as_ref()
                    .map(|path| path.display().to_string())
            },
            set: |config, text| parse::path(text).map(|path| config.token_key = Some(path)),
        },
        default: "",
        help: "Players are persons whose tokens (JWT, HS256) are signed with a key in it: one a\n\
               line of 32 to 256 bytes, two at most. Others may not read it; its group may. It is\n\
               read again when it changes. Without it nobody is a person.",
    },
    Knob {
        flag: "--token-audience",
        section: Section::Persons,
        kind: Kind::Text {
            metavar: "TEXT",
            get: |config| config.token_audience.clone(),
            set: |config, text| {
                parse::audience(text).map(|audience| config.token_audience = Some(audience))
            },
        },
        default: "",
        help: "Tokens have to be for this audience, their claim aud. Without it those that have\n\
               one are for somebody else and refused.",
    },
    Knob {
        flag: "--drain-timeout",
        section: Section::Stopping,
        kind: number!(drain_timeout_ms, Unit::Milliseconds, 100, 10 * MINUTE),
        default: "10s",
        help: "After SIGTERM, SIGINT or SIGHUP running rounds end first, but the process is gone\n\
               by then. systemd is asked to wait as long; whatever else stops it needs its own\n\
               setting, for example docker stop -t.",
    },
    Knob {
        flag: "--drain-spread",
        section: Section::Stopping,
        kind: number!(drain_spread_ms, Unit::Milliseconds, 0, 10 * MINUTE),
        default: "5s",
        help: "Clients are told to come back spread over this time, not all in one moment.",
    },
    Knob {
        flag: "--log-level",
        section: Section::Development,
        kind: Kind::Text {
            metavar: "LEVEL",
            get: |config| Some(config.log_level.as_str().to_ascii_lowercase()),
            set: |config, text| parse::log_level(text).map(|level| config.log_level = level),
        },
        default: "info",
        help: "off, error, warn, info, debug or trace; below debug there is no line per\n\
               message.",
    },
    Knob {
        flag: "--seed",
        section: Section::Development,
        kind: Kind::Text {
            metavar: "NUMBER",
            get: |config| config.seed.map(|seed| seed.to_string()),
            set: |config, text| parse::seed(text).map(|seed| config.seed = Some(seed)),
        },
        default: "",
        help: "Robots and spreads repeat themselves with the same seed. Secrets never depend on\n\
               it.",
    },
];

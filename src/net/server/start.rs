//! Everything before the first turn: the listeners and the hub.
//!
//! Absent: the loop, and signals.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use mio::{Poll, Waker};

use super::persons::Judge;
use super::reload::Reload;
use super::{LISTENER, Server, WAKE};
use crate::config::{Config, Listen};
use crate::hub::Hub;
use crate::model::Entropy;
use crate::net::admin::{Admin, History};
use crate::net::entrance::Entrance;
use crate::net::gate::{Gate, Way};
use crate::net::handed::Handed;
use crate::net::life::Life;
use crate::net::listen::{BindError, Buffers, Listener};
use crate::net::manager::Manager;
use crate::net::reader::Reader;
use crate::net::sockets::{Alarm, Sockets};
use crate::net::stall::Watch;
use crate::net::tls::keys::{Keys, LOOK_MS};
use crate::time::Millis;

/// The permissions of the file of a unix socket for metrics and status: for its owner, and for the
/// group that somebody gives it.
const ADMIN_UNIX_MODE: u32 = 0o660;

/// Why a server could not start.
#[derive(Debug)]
pub enum StartError {
    Bind(BindError),
    /// Something else that the system refused.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::System(error) => write!(f, "cannot start: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<BindError> for StartError {
    fn from(error: BindError) -> Self {
        Self::Bind(error)
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl Server {
    /// Opens the listener.
    ///
    /// `seed` decides robots and spreads; `entropy` is the source of what nobody may guess.
    ///
    /// # Errors
    ///
    /// [`StartError`] is one sentence for the person who started the server.
    pub fn bind(config: Config, seed: u64, entropy: Box<Entropy>) -> Result<Self, StartError> {
        Self::start(config, seed, entropy, Handed::default())
    }

    /// Like [`bind`](Self::bind), with listeners that a service manager may have handed over: they
    /// are taken instead of `--listen` and `--admin`.
    ///
    /// # Errors
    ///
    /// [`StartError`] is one sentence for the person who started the server.
    pub fn start(
        config: Config,
        seed: u64,
        entropy: Box<Entropy>,
        handed: Handed,
    ) -> Result<Self, StartError> {
        for (flag, unused) in [
            ("--listen", !handed.game.is_empty()),
            ("--unix-mode", !handed.game.is_empty()),
            ("--admin", handed.admin.is_some()),
            ("--tls-listen", !handed.tls.is_empty()),
            ("--http-redirect", !handed.redirect.is_empty()),
        ] {
            if unused && config.origins.contains_key(flag) {
                log::warn!("{flag} is not used: a service manager handed a listener over");
            }
        }
        // What is wrong with them is said before anything is opened.
        let mut keys = Keys::of(&config).map_err(BindError)?;
        keys.read().map_err(BindError)?;
        let handed_admin = handed.admin.is_some();
        let gate = open_gate(&config, handed.game, handed.tls, handed.redirect)?;
        let admin = match (handed.admin, &config.admin) {
            (Some(listener), _) => Some(listener),
            (None, Some(listen)) => {
                let bound = Listener::bind(listen, ADMIN_UNIX_MODE);
                Some(bound.map_err(|error| BindError(error.0.replace("--listen", "--admin")))?)
            }
            (None, None) => None,
        };
        if let Some(listener) = &admin
            && handed_admin
            && let Some(address) = listener.local_addr()
            && !address.ip().to_canonical().is_loopback()
        {
            log::warn!(
                "metrics and status on {address} can be read by whoever reaches it: keep others out"
            );
        }
        let judge = Judge::open(&config).map_err(BindError)?;
        let hub = Hub::new(&config, seed, entropy);
        let mut server = Self::assemble(config, gate, admin, hub, keys)?;
        server.judge_by(judge);
        Ok(server)
    }

    /// A server of these parts, polled from now on.
    pub(super) fn assemble(
        config: Config,
        gate: Gate,
        admin: Option<Listener>,
        hub: Hub,
        keys: Keys,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut gate = gate;
        gate.register(poll.registry(), LISTENER)?;
        let admin = match admin {
            Some(listener) => Some(Admin::new(listener, poll.registry().try_clone()?)?),
            None => None,
        };
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let registry = poll.registry().try_clone()?;
        let mut sockets = Sockets::new(registry, &config);
        if keys.are_asked_for() {
            sockets.wheel.arm(Millis(LOOK_MS), Alarm::Keys);
        }
        sockets.sessions.use_keys(keys);
        Ok(Self {
            now: Millis::ZERO,
            reader: Reader::new(&config, gate.tls_port()),
            entrance: Entrance::new(&config, gate),
            sockets,
            hub,
            config,
            poll,
            admin,
            history: History::default(),
            manager: Manager::from_env(),
            signals: None,
            waker,
            stop_asked: Arc::default(),
            store: None,
            judge: None,
            answers_wait: false,
            started: Instant::now(),
            watch: Watch::new(Instant::now()),
            life: Life::Serving,
            stopped_at: Millis::ZERO,
            program: None,
            reload: Reload::None,
            gathering: None,
            is_doubled: false,
            parted: 0,
            wants: None,
            former: None,
            is_announced: false,
        })
    }
}

/// Opens what the service manager has not.
fn open_gate(
    config: &Config,
    game: Vec<Listener>,
    tls: Vec<Listener>,
    redirect: Vec<Listener>,
) -> Result<Gate, StartError> {
    if !tls.is_empty() && config.tls_cert.is_none() {
        return Err(StartError::Bind(BindError(
            "a socket for TLS was handed over, and there is no certificate: give --tls-cert and \
             --tls-key"
                .into(),
        )));
    }
    let handed = !game.is_empty() || !tls.is_empty();
    let mut doors = Vec::new();
    let wanted = [
        (Way::Plain, "--listen", game, Some(config.listen.clone())),
        (
            Way::Tls,
            "--tls-listen",
            tls,
            config.tls_listen.map(Listen::Tcp),
        ),
        (
            Way::Redirect,
            "--http-redirect",
            redirect,
            config.http_redirect.map(Listen::Tcp),
        ),
    ];
    for (way, flag, given, place) in wanted {
        if given.is_empty()
            && let Some(place) = place
        {
            let bound = Listener::bind(&place, config.unix_mode);
            let bound = bound.map_err(|error| BindError(error.0.replace("--listen", flag)))?;
            doors.push((bound, way));
        }
        doors.extend(given.into_iter().map(|listener| (listener, way)));
    }
    Ok(Gate::new(doors, handed, Buffers::of(config))?)
}

//! Everything before the first turn: the listeners and the hub.
//!
//! Absent: the loop, and signals.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use mio::{Poll, Waker};

use super::reload::Reload;
use super::{LISTENER, Server, WAKE};
use crate::config::Config;
use crate::hub::Hub;
use crate::model::Entropy;
use crate::net::admin::{Admin, History};
use crate::net::entrance::Entrance;
use crate::net::gate::Gate;
use crate::net::handed::Handed;
use crate::net::life::Life;
use crate::net::listen::{BindError, Buffers, Listener};
use crate::net::manager::Manager;
use crate::net::reader::Reader;
use crate::net::sockets::Sockets;
use crate::net::stall::Watch;
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
        ] {
            if unused && config.origins.contains_key(flag) {
                log::warn!("{flag} is not used: a service manager handed a listener over");
            }
        }
        let handed_admin = handed.admin.is_some();
        let buffers = Buffers::of(&config);
        let gate = match handed.game.is_empty() {
            true => {
                let listener = Listener::bind(&config.listen, config.unix_mode)?;
                Gate::new(vec![listener], false, buffers)?
            }
            false => Gate::new(handed.game, true, buffers)?,
        };
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
        let hub = Hub::new(&config, seed, entropy);
        Ok(Self::assemble(config, gate, admin, hub)?)
    }

    /// A server of these parts, polled from now on.
    pub(super) fn assemble(
        config: Config,
        gate: Gate,
        admin: Option<Listener>,
        hub: Hub,
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
        Ok(Self {
            now: Millis::ZERO,
            entrance: Entrance::new(&config, gate),
            reader: Reader::new(&config),
            sockets: Sockets::new(registry, &config),
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
            answers_wait: false,
            started: Instant::now(),
            watch: Watch::new(Instant::now()),
            life: Life::Serving,
            stopped_at: Millis::ZERO,
            program: None,
            reload: Reload::None,
            wants: None,
            former: None,
            is_announced: false,
        })
    }
}

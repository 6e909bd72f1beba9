//! The certificate and its key as connections use them, and as they change on the disk.
//!
//! The files are looked at every now and then: a renewed pair is taken up by itself, a broken one
//! is told of once, and the old one stays. Who is connected notices nothing. Absent: what is wrong
//! with the files, connections.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::sign::SingleCertAndKey;

use super::Session;
use super::pair::{Files, Pair, Trouble};
use crate::config::Config;
use crate::net::stamp::Stamp;
use crate::net::wall::unix_s;

/// How often the files are looked at: a renewed pair is in use within seconds.
pub(crate) const LOOK_MS: u64 = 5_000;
/// A pair that ends so soon was not renewed: certbot does it 30 days before, every other tool too.
pub(crate) const SOON_S: u64 = 10 * DAY_S;
const DAY_S: u64 = 24 * 3_600;

/// What connections by TLS begin with.
pub(crate) struct Keys {
    /// `None`: there is no TLS.
    files: Option<Files>,
    /// The server's name, if it was told.
    name: Option<String>,
    provider: Arc<CryptoProvider>,
    /// Its own keys change every few hours; they outlive a certificate.
    tickets: Option<Arc<dyn ProducesTickets>>,
    current: Option<Current>,
    /// The files when they were last read, and what was told of them.
    seen: Stamps,
    told: Option<Trouble>,
    /// They could not be used when they were last read: once more is tried before it is told, for
    /// they are replaced one after the other.
    doubted: bool,
    /// The day of the last warning, counted from 1970.
    warned_day: u64,
}

/// The pair in use.
struct Current {
    config: Arc<ServerConfig>,
    from_s: u64,
    until_s: Option<u64>,
}

/// What tells a file from the one that was there before: device, number, size, and when it was
/// last changed in any way.
type Stamps = [Option<Stamp>; 2];

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Keys {
    /// Those that the configuration names, if any; not read yet.
    ///
    /// # Errors
    ///
    /// The system gives no random bytes for tickets: the end of a sentence.
    pub(crate) fn of(config: &Config) -> Result<Self, String> {
        let files = match (&config.tls_cert, &config.tls_key) {
            (Some(cert), Some(key)) => Some(Files {
                cert: cert.clone(),
                key: key.clone(),
            }),
            _ => None,
        };
        let tickets = match files {
            Some(_) => Some(ring::Ticketer::new().map_err(|error| error.to_string())?),
            None => None,
        };
        let url = config.public_url.as_deref();
        Ok(Self {
            files,
            name: url.and_then(host_of).map(str::to_owned),
            tickets,
            ..Self::none()
        })
    }

    /// None at all.
    pub(crate) fn none() -> Self {
        Self {
            files: None,
            name: None,
            provider: Arc::new(ring::default_provider()),
            tickets: None,
            current: None,
            seen: Stamps::default(),
            told: None,
            doubted: false,
            warned_day: 0,
        }
    }

    /// Reads them at the start. A pair that is not there yet is no fault: it will be taken up.
    ///
    /// # Errors
    ///
    /// They cannot be used: a sentence.
    pub(crate) fn read(&mut self) -> Result<(), String> {
        let Some(files) = self.files.clone() else {
            return Ok(());
        };
        self.seen = stamps(&files);
        match self.take(&files) {
            Ok(()) => (),
            Err(Trouble::Absent(why)) => {
                log::warn!("{why}: nobody is answered by TLS before there is a pair");
                self.told = Some(Trouble::Absent(why));
            }
            Err(Trouble::Wrong(why)) => return Err(why),
        }
        self.warn_of_end();
        Ok(())
    }

    /// Looks whether they changed.
    pub(crate) fn look(&mut self) {
        let Some(files) = self.files.clone() else {
            return;
        };
        let now = stamps(&files);
        if now != self.seen || self.doubted {
            let is_news = now != self.seen;
            self.seen = now;
            match self.take(&files) {
                Ok(()) => (self.doubted, self.told) = (false, None),
                Err(_) if is_news => self.doubted = true,
                Err(trouble) => self.complain(trouble),
            }
        }
        self.warn_of_end();
    }

    /// Whether there is anything to be looked at now and then.
    pub(crate) fn are_asked_for(&self) -> bool {
        self.files.is_some()
    }

    /// TLS for a connection that was just accepted; `None` while there is no pair.
    pub(crate) fn session(&self) -> Option<Box<Session>> {
        let current = self.current.as_ref()?;
        Session::new(Arc::clone(&current.config)).map(Box::new)
    }

    /// When the pair in use ends, in seconds since 1970.
    pub(crate) fn until_s(&self) -> Option<u64> {
        self.current.as_ref()?.until_s
    }

    /// How many seconds it has left, less than none if it has ended; `None`: there is no pair, or
    /// none that ends.
    pub(crate) fn left_s(&self) -> Option<i64> {
        let until = i64::try_from(self.until_s()?).ok()?;
        Some(until.saturating_sub(i64::try_from(unix_s()).ok()?))
    }

    fn take(&mut self, files: &Files) -> Result<(), Trouble> {
        let pair = files.load(&self.provider, self.name.as_deref())?;
        for doubt in &pair.doubts {
            log::warn!("{doubt}");
        }
        let config = self.config(&pair).map_err(Trouble::Wrong)?;
        let is_first = self.current.is_none();
        let (from_s, until_s) = (pair.from_s, pair.until_s);
        self.current = Some(Current {
            config: Arc::new(config),
            from_s,
            until_s,
        });
        self.warned_day = 0;
        let word = if is_first { "TLS by" } else { "renewed:" };
        let left = match self.left_s() {
            Some(left) => format!("for {} days more", left / DAY_S as i64),
            None => "without an end".to_owned(),
        };
        log::info!("{word} {}, valid {left}", files.cert.display());
        Ok(())
    }

    fn config(&self, pair: &Pair) -> Result<ServerConfig, String> {
        let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&versions)
            .map_err(|error| error.to_string())?;
        let resolver = SingleCertAndKey::from(Arc::clone(&pair.key));
        let mut config = builder
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // What is remembered of a session is in its ticket, which the client keeps.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if let Some(tickets) = &self.tickets {
            config.ticketer = Arc::clone(tickets);
        }
        // A client that comes back uses one; it gets the next one then.
        config.send_tls13_tickets = 1;
        config.max_early_data_size = 0;
        Ok(config)
    }

    fn complain(&mut self, trouble: Trouble) {
        self.doubted = false;
        if self.told.as_ref() == Some(&trouble) {
            return;
        }
        let stays = match self.current {
            Some(_) => "the pair before it stays in use",
            None => "nobody is answered by TLS",
        };
        let (Trouble::Absent(why) | Trouble::Wrong(why)) = &trouble;
        log::warn!("{why}; {stays}");
        self.told = Some(trouble);
    }

    /// Says once a day that the pair ends soon, or that its time has not come.
    fn warn_of_end(&mut self) {
        let (Some(current), Some(files)) = (&self.current, &self.files) else {
            return;
        };
        let (now, cert) = (unix_s(), files.cert.display());
        let warning = match current.until_s {
            _ if now < current.from_s => {
                format!("--tls-cert {cert} is not valid yet: is the clock right?")
            }
            Some(until) if until <= now => format!(
                "--tls-cert {cert} has ended {} days ago: nobody who checks it connects",
                (now - until) / DAY_S
            ),
            Some(until) if until - now < SOON_S => format!(
                "--tls-cert {cert} ends in {} days and was not renewed: see to it (certbot renew)",
                (until - now) / DAY_S
            ),
            _ => return,
        };
        if self.warned_day != now / DAY_S {
            self.warned_day = now / DAY_S;
            log::warn!("{warning}");
        }
    }
}

/// What the files are just now.
fn stamps(files: &Files) -> Stamps {
    [&files.cert, &files.key].map(|path| Stamp::at(path))
}

/// The host's name in an address of the web.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let host = rest.split('/').next()?;
    match host.strip_prefix('[') {
        Some(address) => address.split(']').next(),
        None => host.split(':').next(),
    }
}

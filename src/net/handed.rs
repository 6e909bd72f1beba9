//! Listeners that a service manager opened before us and hands over (socket activation).
//!
//! It goes on listening when we are gone: whoever connects meanwhile waits for the next process
//! instead of being refused. Absent: opening a listener, and what is done with one.
//!
//! Source: sd_listen_fds(3). `LISTEN_FDS` counts the descriptors, `LISTEN_PID` says whose they are,
//! `LISTEN_FDNAMES` names them, separated by colons.

use listenfd::ListenFd;

use super::listen::{BindError, Listener};

/// What was handed over.
#[derive(Debug, Default)]
pub struct Handed {
    /// The game's listeners: a TCP address and a unix socket, for example.
    pub game: Vec<Listener>,
    /// Where metrics and status are told.
    pub admin: Option<Listener>,
    /// Where TLS is spoken.
    pub tls: Vec<Listener>,
    /// Where browsers are sent there.
    pub redirect: Vec<Listener>,
}

/// What a descriptor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Game,
    Admin,
    Tls,
    Redirect,
    /// A name that means nothing to us.
    Unknown,
}

impl Handed {
    /// Adopts what the environment says was handed to this process; nothing is the ordinary case.
    ///
    /// Call it once, before there are threads: it takes the variables out of the environment.
    ///
    /// # Errors
    ///
    /// A descriptor is no listening stream socket: starting without it would leave those who
    /// connect there without an answer.
    pub fn from_env() -> Result<Self, BindError> {
        let variable = |name| std::env::var(name).unwrap_or_default();
        if let Some(other) = other_process(
            &variable("LISTEN_FDS"),
            &variable("LISTEN_PID"),
            std::process::id(),
        ) {
            log::warn!(
                "sockets were handed over to process {other}, and this is {}: it opens its own; \
                 whatever starts it has to become it (in a shell: exec)",
                std::process::id()
            );
        }
        let names = variable("LISTEN_FDNAMES");
        let mut fds = ListenFd::from_env();
        let mut handed = Self::default();
        for (index, role) in roles(fds.len(), &names).into_iter().enumerate() {
            let listener = take(&mut fds, index)?;
            match role {
                Role::Game => handed.game.push(listener),
                Role::Tls => handed.tls.push(listener),
                Role::Redirect => handed.redirect.push(listener),
                Role::Admin if handed.admin.is_none() => handed.admin = Some(listener),
                Role::Admin | Role::Unknown => {
                    return Err(BindError(format!(
                        "descriptor {} was handed over with a name that means nothing here \
                         ({names}); name sockets roshambo, roshambo-tls, roshambo-http or \
                         roshambo-admin, the latter once (FileDescriptorName=)",
                        index + 3
                    )));
                }
            }
        }
        Ok(handed)
    }
}

/// The process that listeners were handed over to, if that is another one than `own`.
fn other_process(fds: &str, pid: &str, own: u32) -> Option<u32> {
    let count: u32 = fds.parse().ok()?;
    let pid: u32 = pid.parse().ok()?;
    (0 < count && pid != own).then_some(pid)
}

/// What each of `count` descriptors is for, by their names.
///
/// systemd's own default is the unit's name, `roshambo.socket`. One without a name of ours is the
/// game's if it is the first, so that tools that give no names, or their own, work too.
fn roles(count: usize, names: &str) -> Vec<Role> {
    let mut names = names.split(':');
    let role = |index: usize| {
        let name = names.next().unwrap_or_default();
        match name.strip_suffix(".socket").unwrap_or(name) {
            "roshambo" => Role::Game,
            "admin" | "roshambo-admin" => Role::Admin,
            "roshambo-tls" => Role::Tls,
            "roshambo-http" => Role::Redirect,
            _ if index == 0 => Role::Game,
            _ => Role::Unknown,
        }
    };
    (0..count).map(role).collect()
}

fn take(fds: &mut ListenFd, index: usize) -> Result<Listener, BindError> {
    let adopted = match fds.take_tcp_listener(index) {
        Ok(Some(listener)) => Listener::adopt_tcp(listener).map(Some),
        Ok(None) => Ok(None),
        // It is no TCP socket: the other kind, or a fault.
        Err(_) => match fds.take_unix_listener(index) {
            Ok(Some(listener)) => Listener::adopt_unix(listener).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        },
    };
    let fault = match adopted {
        Ok(Some(listener)) => return Ok(listener),
        Ok(None) => "it is gone".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(BindError(format!(
        "descriptor {} was handed over as a listener and is none: {fault}",
        index + 3
    )))
}

#[cfg(test)]
mod tests {
    use super::Role::{Admin, Game, Redirect, Tls, Unknown};
    use super::{other_process, roles};

    #[test]
    fn listeners_of_another_process_are_not_ours() {
        let rows = [
            ("", "", None),
            ("1", "7", None),
            ("2", "8", Some(8)),
            ("0", "8", None),
            ("1", "", None),
            ("x", "8", None),
        ];
        for (fds, pid, want) in rows {
            assert_eq!(other_process(fds, pid, 7), want, "{fds} {pid}");
        }
    }

    #[test]
    fn names_decide_and_the_first_one_without_a_name_is_the_games() {
        let rows: [(usize, &str, &[super::Role]); 10] = [
            (0, "", &[]),
            (1, "", &[Game]),
            (1, "connection", &[Game]),
            (1, "roshambo.socket", &[Game]),
            (2, "roshambo:roshambo-admin", &[Game, Admin]),
            (2, "admin:roshambo", &[Admin, Game]),
            (3, "roshambo:roshambo:admin", &[Game, Game, Admin]),
            (1, "admin", &[Admin]),
            (2, "roshambo-tls:roshambo-http.socket", &[Tls, Redirect]),
            (2, "a:b", &[Game, Unknown]),
        ];
        for (count, names, want) in rows {
            assert_eq!(roles(count, names), want, "{count} {names}");
        }
    }
}

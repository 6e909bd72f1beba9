//! From an address to a Redis that will do, or to one line that says what is wrong and what to do.

use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::{
    Client, Cmd, Connection, ConnectionAddr, ErrorKind, IntoConnectionInfo as _,
    RedisConnectionInfo, RedisError, RedisResult, ServerErrorKind, Value,
};

use super::script;
use crate::model::{RedisPlace, RedisUrl};
use crate::store::clock;
use crate::store::engine::Unix;

/// How long it takes at most to be connected and let in.
const CONNECT: Duration = Duration::from_secs(1);
/// How long an answer takes at most, and a question until it is sent.
const ANSWER: Duration = Duration::from_secs(1);
/// The oldest that has all that is used here: scripts with flags.
const VERSION_MIN: u32 = 7;

/// A connection to Redis.
pub(super) struct Line(Connection);

impl Line {
    pub(super) fn open(url: &RedisUrl) -> RedisResult<Self> {
        let place = match url.place().clone() {
            RedisPlace::Tcp(host, port) => ConnectionAddr::Tcp(host, port),
            RedisPlace::Tls(host, port) => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            },
            RedisPlace::Unix(path) => ConnectionAddr::Unix(path),
        };
        let mut login = RedisConnectionInfo::default()
            .set_db(url.database().into())
            .set_skip_set_lib_name();
        if let Some((user, password)) = url.login() {
            login = login.set_password(password);
            if let Some(user) = user {
                login = login.set_username(user);
            }
        }
        let info = place
            .into_connection_info()?
            .set_redis_settings(login)
            .set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let connection = Client::open(info)?.get_connection_with_timeout(CONNECT)?;
        connection.set_read_timeout(Some(ANSWER))?;
        connection.set_write_timeout(Some(ANSWER))?;
        Ok(Self(connection))
    }

    pub(super) fn ask(&mut self, command: &Cmd) -> RedisResult<Value> {
        command.query(&mut self.0)
    }

    /// What it is like just now.
    pub(super) fn look(&mut self) -> RedisResult<State> {
        let lead = clock::lead_of(|| {
            let said = script::items(self.ask(&redis::cmd("TIME"))?);
            let [seconds, micros] = <[Value; 2]>::try_from(said).unwrap_or_default();
            let number = |value| script::number(value).unwrap_or(0);
            let micros = Duration::from_micros(number(micros));
            Ok::<_, RedisError>(Duration::from_secs(number(seconds)) + micros)
        })?;
        let info = script::text(self.ask(&redis::cmd("INFO"))?);
        Ok(State {
            lead,
            ..State::read(&info)
        })
    }
}

/// What a Redis says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    version: String,
    is_replica: bool,
    is_cluster: bool,
    is_loading: bool,
    /// How it makes room when it may not have more; empty: it may have as much as there is.
    evicts_by: String,
    /// Whether each change is written to its disk.
    pub(super) is_durable: bool,
    /// Bytes of all that it has in memory.
    pub(super) bytes: u64,
    /// How far its clock is ahead, in seconds.
    pub(super) lead: i64,
}

impl State {
    fn read(info: &str) -> Self {
        let lines = || info.lines().filter_map(|line| line.split_once(':'));
        let word = |name: &str| {
            let found = lines().find(|(known, _)| *known == name);
            found.map_or("", |(_, word)| word.trim())
        };
        let is_bounded = !matches!(word("maxmemory"), "" | "0");
        let evicts_by = match word("maxmemory_policy") {
            policy if is_bounded && policy != "noeviction" => policy,
            _ => "",
        };
        Self {
            version: word("redis_version").to_owned(),
            is_replica: word("role") == "slave",
            is_cluster: word("cluster_enabled") == "1",
            is_loading: word("loading") == "1",
            evicts_by: evicts_by.to_owned(),
            is_durable: word("aof_enabled") != "0",
            bytes: word("used_memory").parse().unwrap_or(0),
            lead: 0,
        }
    }

    /// Why it will not do, if it will not, and what to do.
    pub(super) fn refusal(&self) -> Option<String> {
        let Self { version, .. } = self;
        let major = version.split('.').next().unwrap_or_default().parse();
        if !major.is_ok_and(|major: u32| VERSION_MIN <= major) {
            return Some(format!(
                "is version {version:?}: Redis {VERSION_MIN} or newer, or Valkey, is needed"
            ));
        }
        if self.is_loading {
            return Some("is still loading what it has on its disk: wait until it has".into());
        }
        if self.is_replica {
            return Some("is a replica, which only reads: name the one that it follows".into());
        }
        if self.is_cluster {
            return Some("is a node of a cluster, which will not do: name a single Redis".into());
        }
        match self.evicts_by.as_str() {
            "" => None,
            policy => Some(format!(
                "throws away what it has when its memory is full (maxmemory-policy {policy}), \
                 points too: redis-cli config set maxmemory-policy noeviction"
            )),
        }
    }

    /// What day it is there.
    pub(super) fn date(&self, now: Unix) -> Unix {
        Unix(now.0.saturating_add_signed(self.lead))
    }
}

/// What went wrong and what to do, behind the address.
pub(super) fn trouble_text(error: &RedisError) -> String {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, Moved, NoPerm, ReadOnly};

    let said = || error.detail().unwrap_or_default();
    match (error.kind(), error.code()) {
        (_, Some("OOM")) => {
            "has no memory left (maxmemory): give it more, or delete what is not needed".into()
        }
        (_, Some("MISCONF")) => {
            "takes nothing because it cannot write to its disk: look into its log".into()
        }
        (_, Some("NOAUTH")) => "wants a password: redis://:PASSWORD@HOST".into(),
        (ErrorKind::AuthenticationFailed, _) | (_, Some("WRONGPASS")) => {
            "does not know this user and password".into()
        }
        (_, Some("NOREPLICAS")) => {
            "takes nothing because it has too few replicas (min-replicas-to-write)".into()
        }
        (_, Some("BUSY")) => "is busy with somebody's script".into(),
        (ErrorKind::Server(ReadOnly), _) => {
            "is a replica by now, which only reads: name the one that it follows".into()
        }
        (ErrorKind::Server(BusyLoading | MasterDown), _) => {
            "is not ready yet: it loads what it has".into()
        }
        (ErrorKind::Server(Moved | ClusterDown), _) => {
            "is a node of a cluster, which will not do: name a single Redis".into()
        }
        (ErrorKind::Server(NoPerm), _) => {
            format!("does not let its user do what is needed: {}", said())
        }
        (ErrorKind::InvalidClientConfig, _) => format!("cannot be spoken to: {error}"),
        _ if error.is_timeout() => {
            format!("does not answer within {} s", ANSWER.as_secs())
        }
        _ if error.is_io_error() => format!("cannot be reached: {}", plain(error)),
        _ if said().contains("can't run this command") => {
            "does not let its user do what is needed: systemd/redis.md names the rights".into()
        }
        (_, Some(code)) => format!("says {code} {}", said()),
        _ => format!("says {error}"),
    }
}

/// What the system says.
fn plain(error: &RedisError) -> String {
    match error.to_string() {
        said if said.contains("unexpected end of file") => "it closed the connection".into(),
        said => said,
    }
}

#[cfg(test)]
mod tests {
    use super::State;

    const GOOD: &str = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n\
        # Memory\r\nused_memory:912345\r\nmaxmemory:1048576\r\nmaxmemory_policy:noeviction\r\n\
        # Persistence\r\nloading:0\r\naof_enabled:1\r\n# Replication\r\nrole:master\r\n\
        # Cluster\r\ncluster_enabled:0\r\n";

    #[track_caller]
    fn check(was: &str, is: &str, wanted: Option<&str>) {
        assert!(GOOD.contains(was), "{was}");
        let state = State::read(&GOOD.replace(was, is));
        match (state.refusal(), wanted) {
            (None, None) => (),
            (Some(line), Some(wanted)) => assert!(line.contains(wanted), "{line}"),
            (line, _) => panic!("{is}: {line:?}"),
        }
    }

    #[test]
    fn what_will_not_do_is_refused() {
        let state = State::read(GOOD);
        assert_eq!((state.bytes, state.is_durable), (912_345, true));
        check("x", "x", None);
        // As Valkey 8 says it, and what is yet to come.
        check("7.0.15", "7.2.4", None);
        check("7.0.15", "10.0", None);
        check("7.0.15", "6.2.14", Some("Redis 7 or newer"));
        check("7.0.15", "", Some("Redis 7 or newer"));
        check("role:master", "role:slave", Some("a replica"));
        check("cluster_enabled:0", "cluster_enabled:1", Some("a cluster"));
        check("loading:0", "loading:1", Some("still loading"));
        for policy in ["allkeys-lru", "volatile-ttl", "allkeys-random"] {
            check("noeviction", policy, Some("maxmemory-policy noeviction"));
        }
        // Nothing is thrown away as long as there is no bound.
        check(
            "1048576\r\nmaxmemory_policy:noeviction",
            "0\r\nmaxmemory_policy:allkeys-lru",
            None,
        );
    }
}

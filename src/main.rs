//! Process start and end: arguments, logger, descriptor limit, exit code. No logic.

use std::process::ExitCode;

use roshambo::config::{Config, Listen};
use roshambo::net::server::{RESERVE, Server};

/// Descriptors that are no connection: the poll, the listener, pipes, the state file, standard ones.
const OTHER_DESCRIPTORS: usize = 32;

fn main() -> ExitCode {
    let mut config = Config::default();
    if let Some(port) = std::env::var("PORT")
        .ok()
        .and_then(|port| port.parse().ok())
    {
        config.listen = Listen::Tcp(([127, 0, 0, 1], port).into());
    }
    if let Some(path) = std::env::var_os("STATE") {
        config.state = Some(path.into());
    }
    // tungstenite tells what players write, as it is, to whoever asks for details.
    let logger = simple_logger::SimpleLogger::new()
        .with_level(config.log_level)
        .with_module_level("tungstenite", log::LevelFilter::Warn);
    if let Err(error) = logger.init() {
        eprintln!("no log: {error}");
    }
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            log::error!("{message}");
            ExitCode::from(1)
        }
    }
}

fn run(mut config: Config) -> Result<(), String> {
    raise_descriptor_limit(&mut config);
    let seed = match config.seed {
        Some(seed) => seed,
        None => {
            let mut bytes = [0; 8];
            getrandom::fill(&mut bytes)
                .map_err(|error| format!("the system gives no random bytes: {error}"))?;
            u64::from_ne_bytes(bytes)
        }
    };
    let mut server =
        Server::bind(config, seed, Box::new(entropy)).map_err(|error| error.to_string())?;
    server
        .watch_signals()
        .map_err(|error| format!("cannot watch for signals: {error}"))?;
    log::info!("{}", server.listener());
    server
        .run()
        .map_err(|error| format!("cannot poll: {error}"))
}

/// Every connection is a descriptor: asks for enough, and serves fewer if the system refuses.
fn raise_descriptor_limit(config: &mut Config) {
    let others = RESERVE + OTHER_DESCRIPTORS;
    let wanted = config.max_connections.saturating_add(others) as u64;
    let granted = match rlimit::increase_nofile_limit(wanted) {
        Ok(granted) => granted,
        Err(error) => {
            log::warn!("cannot raise the limit of open files: {error}");
            match rlimit::getrlimit(rlimit::Resource::NOFILE) {
                Ok((soft, _)) => soft,
                Err(_) => return,
            }
        }
    };
    if granted < wanted {
        let possible = usize::try_from(granted).unwrap_or(usize::MAX);
        config.max_connections = possible.saturating_sub(others).max(1);
        log::warn!(
            "only {granted} files may be open (ulimit -n, LimitNOFILE=): \
             serving at most {} connections",
            config.max_connections
        );
    }
}

/// Bytes that nobody can guess. A token that somebody can guess is worse than no server.
fn entropy(bytes: &mut [u8]) {
    if let Err(error) = getrandom::fill(bytes) {
        log::error!("the system gives no random bytes: {error}");
        std::process::abort();
    }
}

//! Process start and end: arguments, logger, descriptor limit, exit code. No logic.

mod logging;

use std::io::{ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use roshambo::config::{self, Command, Config, Origin, strange_variables};
use roshambo::net::handed::Handed;
use roshambo::net::handover::{
    Luggage, PROVE, PROVED, Program, Taken, hold_signals, release_signals,
};
use roshambo::net::server::{Halt, RESERVE, STORE_REST, Server, StopSignals, StoreEnd};
use roshambo::store::{self, Opened, Rest, Running};
use roshambo::tools::program;

/// Descriptors that are no player's connection: poll, listeners, pipes, the store's files, the
/// standard ones, those who ask for metrics.
const OTHER_DESCRIPTORS: usize = 64;

/// How long the end waits for the store, beyond the time that the drain takes.
const FLUSH: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).peekable();
    if args.next_if(|first| first == "bench").is_some() {
        return roshambo::tools::bench::main(args);
    }
    if args.next_if(|first| first == "probe").is_some() {
        return roshambo::tools::probe::main(args);
    }
    if args.next_if(|first| first == "store").is_some() {
        return store::command::main(&program(), args);
    }
    if args.next_if(|first| first == "reload").is_some() {
        return roshambo::tools::reload::main(args);
    }
    if args.next_if(|first| first == "gather").is_some() {
        return roshambo::tools::gather::main(args);
    }
    if args.next_if(|first| first == "token").is_some() {
        return roshambo::tools::token::main(args);
    }
    let proves = args.next_if(|first| first == PROVE).is_some();
    let config = match Config::load(args, |name| std::env::var_os(name)) {
        Ok(Command::Run(config)) if proves => return prove(&config),
        Ok(Command::Run(config)) => config,
        // What is copied from there has to be found.
        Ok(Command::Help(text)) => {
            return print(&text.replace(" roshambo ", &format!(" {} ", program())));
        }
        Ok(Command::Man(text) | Command::Version(text)) => return print(&text),
        Ok(Command::Check(mut config)) => {
            let limited = raise_descriptor_limit(&mut config);
            let lines = [doubts(&config), config.notes()].concat();
            for line in limited.err().into_iter().chain(lines) {
                complain(&line);
            }
            return print(&config.describe());
        }
        Err(error) => {
            complain(&format!("{error}\ntry {} --help", program()));
            return ExitCode::from(2);
        }
    };
    logging::install(config.log_level);
    let code = match run(*config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            complain(&message);
            ExitCode::from(1)
        }
    };
    match logging::dropped() {
        0 => (),
        count => log::warn!("{count} log lines were dropped"),
    }
    code
}

/// What was probably not meant as it stands: in the environment, and as a value.
fn doubts(config: &Config) -> Vec<String> {
    [strange_variables(std::env::vars_os()), config.doubts()].concat()
}

/// Prints what was asked for; a reader that went away early, as `head` does, is no fault.
fn print(text: &str) -> ExitCode {
    let mut stdout = std::io::stdout();
    let printed = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(&format!("cannot print: {error}"));
            ExitCode::from(1)
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Says why there is no server, or what to look at, whatever the log level; nothing can be done
/// about a closed pipe.
fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "roshambo: {message}");
}

/// Says whether this program could go on with what a running server has, of which a copy is its
/// standard input.
fn prove(config: &Config) -> ExitCode {
    let copy = std::io::stdin().as_fd().try_clone_to_owned();
    let copy = copy.map_err(|error| error.to_string());
    let proved = copy.and_then(|copy| Server::prove(config, Box::new(entropy()), &mut copy.into()));
    match proved {
        Ok(()) => print(&format!("{PROVED}{}\n", env!("CARGO_PKG_VERSION"))),
        Err(why) => {
            complain(&why);
            ExitCode::from(1)
        }
    }
}

fn run(mut config: Config) -> Result<(), String> {
    // The store's thread is not to take signals either, which a reload holds back.
    hold_signals();
    let signals = StopSignals::catch().map_err(|error| format!("cannot catch signals: {error}"))?;
    let program = Program::current();
    let taken = Taken::from_parent()?;
    if taken.is_none() {
        for line in doubts(&config) {
            log::warn!("{line}");
        }
    }
    match raise_descriptor_limit(&mut config) {
        // What is as it was asked for is no news.
        Ok(files) => log::debug!(
            "at most {} connections, {files} files may be open",
            config.max_connections
        ),
        Err(message) => log::warn!("{message}"),
    }
    let (mut server, mut store) = match taken {
        Some(taken) => take_over(config, taken)?,
        None => start(config)?,
    };
    match program {
        Ok(program) => server.allow_reload(program),
        Err(error) => log::warn!("no reload will be possible: {error}"),
    }
    server
        .watch_signals(signals)
        .map_err(|error| format!("cannot watch for signals: {error}"))?;
    release_signals();
    let served = serve(&mut server, &mut store);
    // With the server the other end of its orders is gone.
    drop(server);
    let kept = store.finish(FLUSH).map_err(|unwritten| {
        format!(
            "{} results could not be written and are lost: {}",
            unwritten.orders,
            unwritten.trouble.as_deref().unwrap_or("it took too long")
        )
    });
    served.and(kept)
}

/// Runs it to its end, or until another program has taken this one's place.
fn serve(server: &mut Server, store: &mut Running) -> Result<(), String> {
    loop {
        let outcome = server.run();
        match outcome.map_err(|error| format!("cannot poll: {error}"))? {
            Halt::Over => return Ok(()),
            Halt::RestStore => store.rest(STORE_REST),
            Halt::ResumeStore => resume_store(store),
            Halt::HandOver => {
                let carried = store::carry(store);
                let luggage = carried.map(|(text, descriptors)| Luggage { text, descriptors });
                server.hand_over(luggage.as_ref());
                resume_store(store);
            }
        }
    }
}

fn resume_store(store: &mut Running) {
    if let Err(error) = store.resume() {
        log::error!("points are kept in memory from now on: the store has no thread: {error}");
    }
}

/// Goes on where the program before this one stopped.
fn take_over(config: Config, mut taken: Taken) -> Result<(Server, Running), String> {
    let part = std::mem::take(&mut taken.store);
    let opened = store::take_over(&part.text, part.descriptors, limits(&config))
        .map_err(|error| one_line(&error.to_string()))?;
    let server = Server::take_over(config, Box::new(entropy()), taken);
    let mut server = server.map_err(|error| error.to_string())?;
    let store = start_store(opened, &mut server)?;
    Ok((server, store))
}

fn start(config: Config) -> Result<(Server, Running), String> {
    let handed = Handed::from_env().map_err(|error| error.to_string())?;
    let seed = match config.seed {
        Some(seed) => seed,
        None => {
            let mut bytes = [0; 8];
            getrandom::fill(&mut bytes)
                .map_err(|error| format!("the system gives no random bytes: {error}"))?;
            u64::from_ne_bytes(bytes)
        }
    };
    // Whoever connects finds the points that there are.
    let mut opened = open_store(&config)?;
    let mut nonce = [0; 8];
    fill(&mut nonce);
    let nonce = u64::from_ne_bytes(nonce);
    // Before anybody can come: two of one letter would play for each other's players.
    let others = match config.instance {
        Some(letter) => opened
            .claim_letter(letter, nonce)
            .map_err(|error| one_line(&error.to_string()))?,
        None => Vec::new(),
    };
    let mut server = Server::start(config, seed, Box::new(entropy()), handed)
        .map_err(|error| error.to_string())?;
    let store = start_store(opened, &mut server)?;
    server.live_beside(nonce, others);
    Ok((server, store))
}

fn open_store(config: &Config) -> Result<Opened, String> {
    let choice = match &config.store {
        config::Store::Memory => store::Choice::Memory,
        config::Store::File(path) => store::Choice::File(path.clone()),
        config::Store::Redis(url) => store::Choice::Redis(url.clone()),
    };
    store::open(&choice, limits(config)).map_err(|error| one_line(&error.to_string()))
}

fn limits(config: &Config) -> store::Limits {
    store::Limits {
        score_ttl_ms: config.score_ttl_ms,
    }
}

/// A path may hold anything, line ends too.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars() {
        match character.is_control() {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
    line
}

/// Starts the store's thread and connects it with the loop.
fn start_store(opened: Opened, server: &mut Server) -> Result<Running, String> {
    let (orders, to_store) = channel();
    let (to_loop, answers) = channel();
    let health = Arc::new(Mutex::default());
    let wake = server.waker();
    let rest = Rest {
        rests: Arc::default(),
        wake: Arc::new(server.waker()),
    };
    let rests = Arc::clone(&rest.rests);
    let answer = move |reply| {
        // It fails only when the loop is gone.
        let _ = to_loop.send(reply);
        wake();
    };
    let place = opened.place().to_owned();
    let running = opened.start(
        to_store,
        answer,
        rest,
        Arc::clone(&health),
        server.started(),
    );
    let running = running.map_err(|error| error.to_string())?;
    server.use_store(StoreEnd {
        orders,
        answers,
        health,
        rests,
        place,
    });
    Ok(running)
}

/// Every connection is a descriptor: asks for enough, and serves fewer if the system refuses.
///
/// Returns how many files may be open now.
///
/// # Errors
///
/// There are fewer than `--max-connections` needs: a line for the log. A hard limit outside of the
/// service's own clamps `LimitNOFILE=` silently, so somebody has to say so.
fn raise_descriptor_limit(config: &mut Config) -> Result<u64, String> {
    let others = RESERVE + OTHER_DESCRIPTORS;
    let wanted = config.max_connections.saturating_add(others) as u64;
    let granted = match rlimit::increase_nofile_limit(wanted) {
        Ok(granted) => granted,
        Err(error) => match rlimit::Resource::NOFILE.get_soft() {
            Ok(soft) => soft,
            Err(_) => return Err(format!("cannot raise the limit of open files: {error}")),
        },
    };
    if wanted <= granted {
        return Ok(granted);
    }
    let possible = usize::try_from(granted).unwrap_or(usize::MAX);
    let asked = config.max_connections;
    config.max_connections = possible.saturating_sub(others).max(1);
    let origin = Origin::Descriptors(granted);
    config.origins.insert("--max-connections", origin);
    Err(format!(
        "only {granted} files may be open (ulimit -n, LimitNOFILE=): serving at most {} \
         connections instead of {asked}",
        config.max_connections
    ))
}

/// Bytes that nobody can guess, drawn ahead: a call to the system for some dozens of ids. Each is
/// given once.
fn entropy() -> impl FnMut(&mut [u8]) {
    let mut drawn = [0; 512];
    let mut given = drawn.len();
    move |wanted| {
        for byte in wanted {
            if given == drawn.len() {
                fill(&mut drawn);
                given = 0;
            }
            if let Some(fresh) = drawn.get_mut(given) {
                *byte = std::mem::take(fresh);
                given += 1;
            }
        }
    }
}

/// A token that somebody can guess is worse than no server.
fn fill(bytes: &mut [u8]) {
    if let Err(error) = getrandom::fill(bytes) {
        log::error!("the system gives no random bytes: {error}");
        std::process::abort();
    }
}

//! Process start and end: arguments, logger, exit code. No logic.

mod logging;

use std::io::Write as _;
use std::process::ExitCode;

use roshambo::config::{Command, Config};

fn main() -> ExitCode {
    let args = std::env::args_os().skip(1);
    let config = match Config::load(args, |name| std::env::var_os(name)) {
        Ok(Command::Run(config)) => config,
        Ok(Command::Help(text) | Command::Version(text)) => return print(&text),
        Ok(Command::Check(config)) => return print(&config.describe()),
        Err(error) => {
            // Nothing else can be done about a closed standard error.
            let mut stderr = std::io::stderr();
            let _ = writeln!(stderr, "roshambo: {error}\ntry roshambo --help");
            return ExitCode::from(2);
        }
    };
    logging::install(config.log_level);
    log::info!("stopped; {} log lines were dropped", logging::dropped());
    ExitCode::SUCCESS
}

/// Prints what was asked for; a reader that went away early, as `head` does, is no fault.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

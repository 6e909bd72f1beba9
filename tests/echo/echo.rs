//! An echo on the server's own connection layer, for conformance suites:
//!
//! ```sh
//! cargo run --release --example echo -- --listen 127.0.0.1:9001
//! cargo run --release --example echo -- --listen 127.0.0.1:9001 --max-message 67108864
//! ```
//!
//! It answers at `/`. Absent: the game, heartbeats, and everything else that is not the layer's.

use std::net::SocketAddr;
use std::process::ExitCode;

use roshambo::config::{Config, Listen};
use roshambo::net::bare::{self, Message};
use roshambo::net::listen::Listener;

/// Longest message that the flag may ask for, in bytes.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

fn main() -> ExitCode {
    match arguments().and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo: {error}");
            ExitCode::from(2)
        }
    }
}

fn arguments() -> Result<Config, String> {
    use lexopt::prelude::*;

    let mut config = Config {
        listen: Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 9001))),
        // The suites ask for `/`.
        base_path: String::new(),
        max_message: MESSAGE_BYTES_MAX,
        ..Config::default()
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Long("listen") => {
                let text = text(parser.value())?;
                let address = text.parse().map_err(|error| format!("{text}: {error}"))?;
                config.listen = Listen::Tcp(address);
            }
            Long("max-message") => {
                let text = text(parser.value())?;
                let bytes = text.parse().ok();
                let bytes = bytes.filter(|bytes| (1..=MESSAGE_BYTES_MAX).contains(bytes));
                config.max_message =
                    bytes.ok_or_else(|| format!("{text} is not 1 to {MESSAGE_BYTES_MAX} bytes"))?;
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    // Its own echo has to fit, and a suite may send some messages before it reads.
    config.max_queue = config.max_message.saturating_mul(4).max(1024 * 1024);
    Ok(config)
}

fn echo(message: Message<'_>) -> Option<Message<'_>> {
    Some(message)
}

fn text(value: Result<std::ffi::OsString, lexopt::Error>) -> Result<String, String> {
    let value = value.map_err(|error| error.to_string())?;
    Ok(value.to_string_lossy().into_owned())
}

fn run(config: Config) -> Result<(), String> {
    let listener =
        Listener::bind(&config.listen, config.unix_mode).map_err(|error| error.to_string())?;
    println!("{listener}");
    bare::serve(listener, &config, echo).map_err(|error| error.to_string())
}

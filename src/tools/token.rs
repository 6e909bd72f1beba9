//! `roshambo token`: a signed token, as an operator's own backend makes them, for trying.
//!
//! Absent: who somebody is. Whoever has the key may say so of anybody.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use lexopt::prelude::*;

use super::program;
use crate::identity::{Audience, Claims, KEY_FILE_BYTES_MAX, Keys, sign, verify};

/// How long a token is good unless somebody says otherwise: an evening.
const TTL_S: u64 = 3 * 3_600;
/// Where the key is, if no flag says so: the server's own variable.
const KEY_VARIABLE: &str = "ROSHAMBO_TOKEN_KEY";
/// For whom it is, likewise.
const AUDIENCE_VARIABLE: &str = "ROSHAMBO_TOKEN_AUDIENCE";

/// What was typed.
#[derive(Debug, Default)]
struct Wanted {
    sub: Option<String>,
    name: Option<String>,
    avatar: Option<String>,
    ttl_s: Option<u64>,
    audience: Option<String>,
    key: Option<PathBuf>,
    help: bool,
}

/// Runs the command; prints the token alone, so that it can be put anywhere.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let made = parse(args).and_then(|mut wanted| {
        if wanted.help {
            return Ok(help());
        }
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        wanted.key = wanted
            .key
            .or_else(|| variable(KEY_VARIABLE).map(Into::into));
        let audience = variable(AUDIENCE_VARIABLE).and_then(|text| text.into_string().ok());
        wanted.audience = wanted.audience.or(audience);
        make(&wanted, now_s()).map(|token| token + "\n")
    });
    let (text, code) = match made {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(why) => {
            // Nobody is there to be told of a closed pipe.
            let _ = writeln!(std::io::stderr(), "roshambo: {why}");
            return ExitCode::from(2);
        }
    };
    let mut stdout = std::io::stdout();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => code,
        Err(_) => ExitCode::from(1),
    }
}

fn now_s() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn parse(args: impl Iterator<Item = OsString>) -> Result<Wanted, String> {
    let mut wanted = Wanted::default();
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next().map_err(|error| error.to_string())? {
        let flag = match arg {
            Long(name) => name.to_owned(),
            Short('h') => "help".into(),
            other => {
                let why = other.unexpected();
                return Err(format!("{why}\ntry {} token --help", program()));
            }
        };
        if flag == "help" {
            wanted.help = true;
            continue;
        }
        let value = parser.value().map_err(|error| error.to_string())?;
        let value = value.into_string();
        let value = value.map_err(|_| format!("--{flag}: a text is needed"))?;
        match flag.as_str() {
            "sub" => wanted.sub = Some(value),
            "name" => wanted.name = Some(value),
            "avatar" => wanted.avatar = Some(value),
            "ttl" => wanted.ttl_s = Some(seconds(&value)?),
            "audience" => wanted.audience = Some(value),
            "key" => wanted.key = Some(value.into()),
            _ => {
                return Err(format!(
                    "invalid option '--{flag}'\ntry {} token --help",
                    program()
                ));
            }
        }
    }
    Ok(wanted)
}

/// `90s`, `30m`, `3h`, `7d`.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("--ttl {text}: a number and a unit are needed, as 90s, 30m, 3h or 7d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let digits = text.strip_suffix(unit).unwrap_or_default();
    let is_plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    let number = digits.parse::<u32>().ok().filter(|_| is_plain);
    Ok(u64::from(number.ok_or_else(wrong)?) * factor)
}

fn make(wanted: &Wanted, now_s: u64) -> Result<String, String> {
    let sub = wanted
        .sub
        .clone()
        .ok_or("--sub is needed: whom the token names")?;
    let path = wanted.key.as_ref();
    let path = path.ok_or_else(|| {
        format!("--key FILE is needed, or {KEY_VARIABLE}: the server's --token-key")
    })?;
    let name = path.display();
    let mut bytes = Vec::new();
    let most = KEY_FILE_BYTES_MAX as u64 + 1;
    File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
        .map_err(|error| format!("{name} cannot be read: {error}"))?;
    let keys = Keys::read(&bytes).map_err(|why| format!("{name} {why}"))?;
    let claims = Claims {
        sub,
        aud: wanted.audience.clone().map(Audience::One),
        iat: Some(now_s.into()),
        nbf: None,
        exp: (now_s + wanted.ttl_s.unwrap_or(TTL_S)).into(),
        name: wanted.name.clone(),
        avatar: wanted.avatar.clone(),
    };
    let token = sign(&claims, keys.first());
    match verify(&token, &keys, wanted.audience.as_deref(), now_s) {
        Ok(_) => Ok(token),
        Err(why) => Err(format!("no server would take such a token: {why}")),
    }
}

fn help() -> String {
    let program = program();
    format!(
        "usage: {program} token --sub WHO [--name NAME] [--avatar ADDRESS] [--ttl 3h]\n       \
         [--audience TEXT] [--key FILE]\n\n\
         Prints a signed token (JWT, HS256) with which a player is the person WHO, for trying\n\
         what your own backend will do. It is signed with the first key of FILE, the server's\n\
         --token-key, or {KEY_VARIABLE}; it is for TEXT, or {AUDIENCE_VARIABLE}.\n\n  \
         --sub WHO         whom it names: 1 to 64 bytes, never shown to anybody\n  \
         --name NAME       shown instead of what the client says\n  \
         --avatar ADDRESS  likewise: http:, https:, data:image/ or builtin:0 to builtin:15\n  \
         --ttl TIME        how long it is good: 90s, 30m, 3h (the default) or 7d\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(line: &str) -> Result<Wanted, String> {
        parse(
            line.split(' ')
                .filter(|word| !word.is_empty())
                .map(Into::into),
        )
    }

    #[test]
    fn a_token_says_what_was_asked_for() {
        let path = std::env::temp_dir().join(format!("roshambo-token-{}", std::process::id()));
        std::fs::write(&path, format!("{}\n{}\n", "n".repeat(32), "o".repeat(32))).expect("a file");
        let line = "--sub o-1 --name Ann --avatar builtin:3 --ttl 90s --audience me";
        let mut asked = wanted(line).expect("a sound line");
        asked.key = Some(path.clone());
        let token = make(&asked, 1_000_000_000).expect("a token");
        let keys = Keys::read(&[b'n'; 32]).expect("the first line's");
        let person = |now_s| verify(&token, &keys, Some("me"), now_s);
        let ann = person(1_000_000_149).expect("good as long");
        let name = ann.name.expect("a name");
        assert_eq!((ann.sub.as_str(), name.as_str()), ("o-1", "Ann"));
        assert!(
            person(1_000_000_150).is_err(),
            "a minute of leeway, no more"
        );
        asked.name = Some("x".repeat(2_000));
        let why = make(&asked, 0).expect_err("too long");
        assert!(why.contains("2048 are the most"), "{why}");
        asked.name = None;
        asked.sub = Some("a\n".into());
        let why = make(&asked, 0).expect_err("no sub");
        assert!(why.contains("its claim sub has to be"), "{why}");
        std::fs::remove_file(path).expect("it is there");
        assert!(make(&asked, 0).is_err());
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, want) in [
            ("--sub", "missing argument"),
            ("--ttl 3", "--ttl 3: a number and a unit"),
            ("--ttl +3s", "a number and a unit"),
            ("--ttl h", "a number and a unit"),
            ("--ttl 9999999999d", "a number and a unit"),
            ("--key", "missing argument"),
            ("x", "unexpected argument"),
        ] {
            let why = wanted(line).expect_err(line);
            assert!(why.contains(want), "{line}: {why}");
        }
        for (line, want) in [("", "--sub is needed"), ("--sub a", "--key FILE is needed")] {
            let why = make(&wanted(line).expect("a sound line"), 0).expect_err(line);
            assert!(why.contains(want), "{line}: {why}");
        }
        assert_eq!(seconds("7d"), Ok(604_800));
        // How the program was called may be long.
        let mut lines = help().lines().skip(1).map(str::len).collect::<Vec<_>>();
        lines.sort_unstable();
        assert!(lines.last().is_some_and(|&longest| longest <= 100));
    }
}

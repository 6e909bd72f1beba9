//! The words behind `roshambo store`.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser};

use crate::model::RedisUrl;
use crate::store::engine::Who;

/// What it says of itself.
pub(super) const HELP: &str = "\
roshambo store: looks into the store that keeps points, copies it, erases or bars somebody.
All of it works beside a running server.

Usage: roshambo store COMMAND [--store FILE|URL]

  check            say whether it is in order, and how much is in it
  backup COPY      make a copy, whole at one moment; to restore it, stop the server and put it in
                   the file's place, without the old FILE-wal and FILE-shm
  export           write everything to standard output, a line of JSON each; no token is in it
  import           read such lines from standard input; what is there already stays as it is
  forget WHO       erase somebody: what is there, and what is won in the next 31 days
      --uid UID    all sessions whose player goes by this uid
      --person SUB the person whom your tokens call so
  bar SUB          take the person whom your tokens call so off the board; it plays on and keeps its
                   points; a running server's board knows within two seconds
      --undo       put it there again

  --store FILE|URL the file [roshambo.db], or a Redis, which makes its own   ROSHAMBO_STORE
                   copies: redis-cli --rdb COPY
  -h, --help       this text

It ends with 0 when it is done, 1 when it could not be, 2 when it was asked wrongly.
";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) what: What,
    pub(super) place: Place,
}

/// Where the points are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    File(PathBuf),
    Redis(RedisUrl),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    Check,
    Backup(PathBuf),
    Export,
    Import,
    Forget(Who),
    /// Takes a person off the board, or puts it there again.
    Bar {
        sub: String,
        barred: bool,
    },
}

const COMMANDS: &str = "check, backup, export, import, forget or bar";

/// Reads the words; `None`: they ask for help.
pub(super) fn parse(
    args: impl Iterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Asked>, String> {
    let mut parser = Parser::from_args(args);
    let (mut words, mut file, mut who) = (Vec::new(), None, None);
    let mut undo = false;
    while let Some(arg) = parser.next().map_err(said)? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Long("store") => file = Some(PathBuf::from(parser.value().map_err(said)?)),
            Arg::Long("uid") => who = Some(Who::Uid(text(&mut parser, "--uid")?)),
            Arg::Long("person") => who = Some(Who::Person(text(&mut parser, "--person")?)),
            Arg::Long("undo") => undo = true,
            Arg::Value(word) => words.push(word),
            other => return Err(said(other.unexpected())),
        }
    }
    let mut words = words.into_iter();
    let Some(command) = words.next() else {
        return Err(format!("what? {COMMANDS}"));
    };
    let what = match command.to_str() {
        Some("check") => What::Check,
        Some("backup") => {
            let copy = words.next().ok_or("backup needs the name of the copy")?;
            What::Backup(copy.into())
        }
        Some("export") => What::Export,
        Some("import") => What::Import,
        Some("forget") => {
            let who = who.take();
            What::Forget(who.ok_or("forget needs --uid UID or --person SUB")?)
        }
        Some("bar") => {
            let sub = words
                .next()
                .ok_or("bar needs the name that your tokens have for somebody")?;
            let sub = sub.into_string().map_err(|_| "that name is no UTF-8")?;
            let barred = !std::mem::take(&mut undo);
            What::Bar { sub, barred }
        }
        _ => return Err(format!("there is no {command:?}: {COMMANDS}")),
    };
    if undo {
        return Err("--undo belongs to bar".into());
    }
    if who.is_some() {
        return Err("--uid and --person belong to forget".into());
    }
    if let Some(word) = words.next() {
        return Err(format!("{word:?} is one word too many"));
    }
    let from_variable = || variable("ROSHAMBO_STORE").map(PathBuf::from);
    let file = file.or_else(from_variable);
    let file = file.filter(|file| !file.as_os_str().is_empty());
    let file = file.unwrap_or_else(|| PathBuf::from("roshambo.db"));
    if file.as_os_str() == "memory" {
        return Err("a store in memory is its server's alone".into());
    }
    let place = match file.to_str().filter(|text| RedisUrl::is_meant(text)) {
        Some(text) => {
            let url = RedisUrl::new(text).map_err(|why| format!("the store's address {why}"))?;
            Place::Redis(url)
        }
        None => Place::File(file),
    };
    Ok(Some(Asked { what, place }))
}

fn text(parser: &mut Parser, flag: &str) -> Result<String, String> {
    let value = parser.value().map_err(said)?;
    value
        .into_string()
        .map_err(|_| format!("{flag} is no UTF-8"))
}

fn said(error: lexopt::Error) -> String {
    error.to_string().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::{Asked, Place, RedisUrl, What, Who, parse};

    #[track_caller]
    fn check(words: &str, env: Option<&str>, want: Result<Option<(What, &str)>, &str>) {
        let words = words.split_whitespace().map(OsString::from);
        let parsed = parse(words, |_| env.map(OsString::from));
        match want {
            Ok(want) => {
                let want = want.map(|(what, file)| Asked {
                    what,
                    place: match RedisUrl::new(file) {
                        Ok(url) => Place::Redis(url),
                        Err(_) => Place::File(file.into()),
                    },
                });
                assert_eq!(parsed, Ok(want));
            }
            Err(part) => {
                let line = parsed.expect_err("it is wrong");
                assert!(line.contains(part), "{line}");
            }
        }
    }

    #[test]
    fn words_mean_what_they_say() {
        let uid = || Who::Uid("p-1".into());
        check("check", None, Ok(Some((What::Check, "roshambo.db"))));
        check("check", Some("a.db"), Ok(Some((What::Check, "a.db"))));
        check("--store b check", Some("a"), Ok(Some((What::Check, "b"))));
        check(
            "check --store=",
            None,
            Ok(Some((What::Check, "roshambo.db"))),
        );
        let copy = || What::Backup("copy.db".into());
        check("backup copy.db", None, Ok(Some((copy(), "roshambo.db"))));
        check("export --store x", None, Ok(Some((What::Export, "x"))));
        check("import --store x", None, Ok(Some((What::Import, "x"))));
        let forget = Ok(Some((What::Forget(uid()), "roshambo.db")));
        check("forget --uid p-1", None, forget);
        let person = What::Forget(Who::Person("7".into()));
        check("forget --person=7", None, Ok(Some((person, "roshambo.db"))));
        check("forget --help", None, Ok(None));
        check("-h", None, Ok(None));
        let bar = |barred| What::Bar {
            sub: "o-1".into(),
            barred,
        };
        check("bar o-1", None, Ok(Some((bar(true), "roshambo.db"))));
        check(
            "bar --undo o-1",
            None,
            Ok(Some((bar(false), "roshambo.db"))),
        );
        check(
            "bar o-1 --undo",
            None,
            Ok(Some((bar(false), "roshambo.db"))),
        );
        check("bar", None, Err("bar needs the name"));
        check("bar o-1 o-2", None, Err("one word too many"));
        check("check --undo", None, Err("belongs to bar"));
        check(
            "",
            None,
            Err("check, backup, export, import, forget or bar"),
        );
        check("chekc", None, Err("there is no \"chekc\""));
        check("forget", None, Err("needs --uid UID"));
        check("forget p-1", None, Err("needs --uid UID"));
        check("check --uid p-1", None, Err("belong to forget"));
        check("check a.db", None, Err("\"a.db\" is one word too many"));
        check("backup", None, Err("name of the copy"));
        check("check --file a", None, Err("--file"));
        let url = "redis://:x@h/1";
        check("check", Some(url), Ok(Some((What::Check, url))));
        check(
            "check",
            Some("redis://x@h"),
            Err("has a user and no password"),
        );
        check("check", Some("memory"), Err("its server's alone"));
    }
}

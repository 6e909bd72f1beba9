//! Points in a real Redis: what is refused at the start, what an outage looks like, and that nothing
//! stays there for ever.

use std::collections::BTreeSet;
#[cfg(feature = "tls")]
use std::net::TcpListener;
use std::process::Command;

use roshambo::model::{Letter, Owner, RedisUrl, Settled, StoreOp, StoreReply, Week};
use roshambo::store::{self, Choice, Engine, Unix, Who};

use crate::commands::{Said, run};
use crate::redis::Redis;
use crate::ways::{Folder, LIMITS, START, known_as, ranked, win};

const NOW: Unix = Unix(START);

fn try_open(url: &str) -> Result<Box<dyn Engine>, String> {
    let url = RedisUrl::new(url).expect("a good one");
    match store::open(&Choice::Redis(url), LIMITS) {
        Ok(opened) => Ok(opened.into_engine()),
        Err(error) => Err(error.0),
    }
}

#[track_caller]
fn open(redis: &Redis) -> Box<dyn Engine> {
    try_open(&redis.url(0)).unwrap_or_else(|line| panic!("{line}"))
}

#[track_caller]
fn refusal(url: &str, wanted: &str) {
    let line = try_open(url).err().expect("it is refused");
    assert!(line.contains(wanted), "{wanted:?} is not in: {line}");
    assert!(!line.contains("secret") && !line.contains('\n'), "{line}");
}

/// A point for the session `a`, and what became of it: its total, or the trouble.
fn settle(engine: &mut dyn Engine, seq: u64) -> Result<u32, String> {
    let order = StoreOp::Settle(Box::new(win("a", 1, seq, 1, 1)));
    let replies = engine.apply(&[order], NOW).map_err(|trouble| trouble.0)?;
    match replies.last() {
        Some(StoreReply::Settled {
            settled: Settled::Kept { total },
            ..
        }) => Ok(*total),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn trouble(engine: &mut dyn Engine, seq: u64, wanted: &str) {
    let line = settle(engine, seq).expect_err("it is away");
    assert!(line.contains(wanted), "{wanted:?} is not in: {line}");
    assert!(!line.contains("secret") && !line.contains('\n'), "{line}");
}

#[test]
fn a_redis_that_will_not_do_is_refused_in_one_line() {
    refusal("redis+unix:///nowhere/r.sock", "cannot be reached");
    refusal("redis://127.0.0.1:1", "cannot be reached");
    refusal("redis://nowhere.invalid", "cannot be reached");
    let redis = Redis::start(&["--requirepass", "secret"]);
    refusal(&redis.url(0), "wants a password");
    let with = |login: &str| redis.url(0).replace("://", &format!("://{login}@"));
    for login in [":secret2", "ro:secret"] {
        refusal(&with(login), "does not know this user and password");
    }
    assert!(try_open(&with(":secret")).is_ok());
    refusal(
        &with(":secret").replace("db=0", "db=99"),
        "DB index is out of range",
    );
    for (words, wanted) in [
        ("--replicaof 127.0.0.1 1", "is a replica"),
        ("--cluster-enabled yes", "is a node of a cluster"),
        (
            "--maxmemory 100mb --maxmemory-policy allkeys-lru",
            "config set maxmemory-policy noeviction",
        ),
        ("--maxmemory 1kb", "has no memory left"),
        ("--min-replicas-to-write 1", "too few replicas"),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        refusal(&Redis::start(&words).url(0), wanted);
    }
}

/// Every order there is, and what one does beside a server.
fn all_orders(engine: &mut dyn Engine) {
    let week = Week::of(START).expect("a week");
    let code = || "R1".to_owned();
    let sub = || "ada".to_owned();
    let at = Letter::new("a");
    let orders = [
        StoreOp::Settle(Box::new(known_as(win("a", 1, 1, 3, 3), "p-1", "Ada"))),
        StoreOp::SignIn {
            sub: sub(),
            token: Some("a".into()),
            fresh: "f".into(),
            owner: Owner(2),
            absent: false,
        },
        StoreOp::SignIn {
            sub: sub(),
            token: None,
            fresh: "g".into(),
            owner: Owner(3),
            absent: false,
        },
        StoreOp::Settle(Box::new(ranked(win("g", 3, 1, 2, 2), &[(week, 2, START)]))),
        StoreOp::Settle(Box::new(win("b", 1, 1, 1, 1))),
        StoreOp::Settle(Box::new(win("c", 1, 1, 1, 1))),
        StoreOp::Take {
            token: "b".into(),
            owner: Owner(4),
        },
        StoreOp::OpenRoom { code: code(), at },
        StoreOp::ClaimRoom { code: code(), at },
        StoreOp::Beat {
            letter: at.expect("a letter"),
            nonce: 1,
            online: Some(7),
        },
        StoreOp::Beat {
            letter: Letter::new("b").expect("a letter"),
            nonce: 1,
            online: None,
        },
        StoreOp::Top { week },
        StoreOp::Rank { sub: sub(), week },
    ];
    let replies = engine.apply(&orders, NOW).expect("it works");
    assert_eq!(replies.len(), orders.len() - 1, "{replies:?}");
    assert_eq!(engine.forget(&Who::Uid("p-2".into()), NOW), Ok(0));
    for barred in [true, false] {
        assert_eq!(engine.bar("ada", barred), Ok(1));
    }
    assert_eq!(engine.expire(9, Unix(START + 601)), Ok(1));
    let room = [
        StoreOp::OpenRoom {
            code: code(),
            at: None,
        },
        StoreOp::CloseRoom { code: code(), at },
    ];
    assert_eq!(engine.apply(&room, NOW), Ok(vec![]));
}

#[test]
fn everything_in_redis_has_a_life() {
    let redis = Redis::start(&[]);
    let mut engine = open(&redis);
    all_orders(&mut *engine);
    let order = StoreOp::OpenRoom {
        code: "R2".into(),
        at: Letter::new("a"),
    };
    engine.apply(&[order], NOW).expect("it works");
    let check = |least: usize| {
        let keys = redis.say("KEYS *");
        assert!(least <= keys.lines().count(), "{keys}");
        for key in keys.lines() {
            assert!(key.starts_with("roshambo:"), "{key}");
            let left: i64 = redis.say(&format!("TTL {key}")).parse().expect("seconds");
            assert!(0 < left && left <= 32 * 86_400, "{key}: {left}");
        }
    };
    check(10);
    assert_eq!(engine.forget(&Who::Person("ada".into()), NOW), Ok(2));
    check(8);
}

/// The rights that the page on Redis names are enough, and no key of others is touched.
#[test]
fn a_user_with_the_rights_that_are_named_will_do() {
    let page = include_str!("../../systemd/redis.md");
    let line = page.lines().find(|line| line.starts_with("ACL SETUSER"));
    let line = line.expect("the rights are named");
    let redis = Redis::start(&[]);
    assert_eq!(redis.say(&line.replace("PASSWORD", "secret")), "OK");
    let url = redis.url(0).replace("://", "://roshambo:secret@");
    let mut engine = try_open(&url).unwrap_or_else(|line| panic!("{line}"));
    all_orders(&mut *engine);
    assert_eq!(engine.forget(&Who::Uid("p-1".into()), NOW), Ok(2));
    // Each of them is needed, and no other.
    let rights = line
        .split(' ')
        .skip(3)
        .filter_map(|word| word.strip_prefix('+'));
    let named: BTreeSet<String> = rights.map(Into::into).collect();
    let script = include_str!("../../src/store/redis/orders.lua");
    let called = script.split("call('").skip(1);
    let called = called.filter_map(|rest| rest.split('\'').next());
    let mut needed: BTreeSet<String> = called.map(str::to_lowercase).collect();
    let others = [
        "@connection",
        "info",
        "time",
        "evalsha",
        "script|load",
        "zscan",
        "scan",
        "hgetall",
    ];
    needed.extend(others.map(Into::into));
    assert_eq!(named, needed);
}

#[test]
fn an_outage_is_told_and_nothing_counts_twice() {
    let mut redis = Redis::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let mut engine = open(&redis);
    let engine = &mut *engine;
    assert_eq!(settle(engine, 1), Ok(1));
    // A connection that was ended, and a script that was forgotten: no outage at all.
    redis.say("CLIENT KILL TYPE normal");
    assert_eq!(settle(engine, 2), Ok(2));
    redis.say("SCRIPT FLUSH");
    assert_eq!(settle(engine, 3), Ok(3));
    // Frozen: the order is done when it thaws, and is the same when it comes again.
    redis.signal("STOP");
    trouble(engine, 4, "does not answer within 1 s");
    redis.signal("CONT");
    assert_eq!(settle(engine, 4), Ok(4));
    redis.kill();
    trouble(engine, 5, "cannot be reached");
    redis.restart();
    assert_eq!(settle(engine, 5), Ok(5));
    for (take, give, wanted) in [
        (
            "CONFIG SET maxmemory 1kb",
            "CONFIG SET maxmemory 0",
            "has no memory left",
        ),
        (
            "CONFIG SET min-replicas-to-write 1",
            "CONFIG SET min-replicas-to-write 0",
            "too few replicas",
        ),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "is a replica"),
    ] {
        let before = settle(engine, 5).expect("it works");
        redis.say(take);
        trouble(engine, 6, wanted);
        trouble(engine, 6, wanted);
        redis.say(give);
        assert_eq!(settle(engine, 5), Ok(before), "{take}");
    }
    redis.say("CONFIG SET requirepass secret\r\nCLIENT KILL TYPE normal");
    trouble(engine, 6, "wants a password");
    trouble(engine, 6, "wants a password");
    drop(redis);
    trouble(engine, 6, "cannot be reached");
}

/// A replica that takes over, or a restart from a snapshot: who took a session in the lost moments has
/// it all the same, and what it was told is there.
#[test]
fn a_redis_that_lost_its_last_moments_takes_nobodys_session_away() {
    let mut redis = Redis::start(&[]);
    let mut engine = open(&redis);
    assert_eq!(settle(&mut *engine, 1), Ok(1));
    redis.say("SAVE");
    assert_eq!(settle(&mut *engine, 2), Ok(2));
    let take = StoreOp::Take {
        token: "a".into(),
        owner: Owner(2),
    };
    engine.apply(&[take], NOW).expect("it works");
    redis.kill();
    redis.restart();
    let mut order = win("a", 2, 1, 1, 7);
    order.told = 3;
    let order = [StoreOp::Settle(Box::new(order))];
    let replies = engine.apply(&order, NOW).expect("it works");
    let settled = |reply: &StoreReply| match reply {
        StoreReply::Settled { settled, .. } => Some(*settled),
        _ => None,
    };
    assert_eq!(replies.first(), Some(&StoreReply::Forgot));
    let kept = Settled::Kept { total: 3 };
    assert_eq!(replies.last().and_then(settled), Some(kept));
    // It is told once.
    let replies = engine.apply(&order, NOW).expect("it works");
    assert_eq!(replies.len(), 1, "{replies:?}");
    // Another one, at which nobody plays it, has it no more for that.
    let mut order = win("a", 3, 1, 0, 0);
    (order.told, order.absent) = (5, true);
    let replies = engine.apply(&[StoreOp::Settle(Box::new(order))], NOW);
    let replies = replies.expect("it works");
    let former = Settled::FormerOwner { total: 5 };
    assert_eq!(replies.last().and_then(settled), Some(former));
}

/// The answer to an order.
fn say(engine: &mut dyn Engine, order: StoreOp) -> StoreReply {
    let replies = engine.apply(&[order], NOW).expect("it works");
    replies.last().expect("an answer").clone()
}

/// Of several servers one may not have heard that a session is a person's, and has another token by
/// now: what its owner settles by the former one is the session's, and no other is made.
#[test]
fn a_session_that_has_another_token_is_found_by_who_was_its_owner() {
    let redis = Redis::start(&[]);
    let mut engine = open(&redis);
    let engine = &mut *engine;
    let sign_in = |token: Option<&str>, fresh: &str, owner| StoreOp::SignIn {
        sub: "ada".into(),
        token: token.map(str::to_owned),
        fresh: fresh.into(),
        owner: Owner(owner),
        absent: false,
    };
    let settle = |engine: &mut dyn Engine, order| {
        let order = StoreOp::Settle(Box::new(order));
        match say(engine, order) {
            StoreReply::Settled { settled, .. } => settled,
            other => panic!("{other:?}"),
        }
    };
    let former = |total| Settled::FormerOwner { total };
    assert_eq!(
        settle(engine, win("a", 1, 1, 3, 3)),
        Settled::Kept { total: 3 }
    );
    say(engine, sign_in(Some("a"), "f1", 2));
    say(engine, sign_in(None, "f2", 3));
    for _ in 0..2 {
        assert_eq!(settle(engine, win("a", 1, 2, 2, 5)), former(5));
    }
    say(engine, sign_in(None, "f3", 4));
    assert_eq!(settle(engine, win("a", 1, 3, 1, 6)), former(6));
    // Somebody else who plays by it has a session of his own.
    for (token, owner) in [("a", 9), ("f2", 3)] {
        let own = settle(engine, win(token, owner, 1, 1, 1));
        assert_eq!(own, Settled::Kept { total: 1 });
    }
    let take = StoreOp::Take {
        token: "f3".into(),
        owner: Owner(4),
    };
    match say(engine, take) {
        StoreReply::Taken { stored, .. } => {
            let stored = stored.expect("it is there");
            assert_eq!((stored.total, stored.streak), (6, 3));
        }
        other => panic!("{other:?}"),
    }
    // And of one that was erased nothing comes back.
    say(engine, sign_in(None, "f4", 5));
    assert_eq!(engine.forget(&Who::Person("ada".into()), NOW), Ok(2));
    assert_eq!(settle(engine, win("f3", 4, 1, 1, 1)), Settled::Erased);
}

/// What was decided about persons in the lost moments is to be decided again, as `systemd/redis.md`
/// says.
#[test]
fn who_was_barred_or_erased_in_the_lost_moments_is_not_any_more() {
    let mut redis = Redis::start(&[]);
    let mut engine = open(&redis);
    all_orders(&mut *engine);
    redis.say("SAVE");
    assert_eq!(engine.bar("ada", true), Ok(1));
    let week = Week::of(START).expect("a week");
    let listed = |engine: &mut dyn Engine| {
        let replies = engine.apply(&[StoreOp::Top { week }], NOW);
        match replies.expect("it works").pop() {
            Some(StoreReply::Top { rows, .. }) => rows.len(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(listed(&mut *engine), 0);
    assert_eq!(engine.forget(&Who::Person("ada".into()), NOW), Ok(2));
    redis.kill();
    redis.restart();
    assert_eq!(listed(&mut *engine), 1);
}

/// What `roshambo store` said, and how it ended.
#[track_caller]
fn command(words: &[&str], place: &str, input: &str, code: i32) -> String {
    let Said { code: is, out, err } = run(words, place, input);
    assert_eq!(is, Some(code), "{words:?}: {out}{err}");
    if code == 0 { out } else { err }
}

#[track_caller]
fn says(words: &[&str], place: &str, input: &str, code: i32, wanted: &str) {
    let said = command(words, place, input, code);
    assert!(said.contains(wanted), "{wanted:?} is not in: {said}");
}

/// The lines, but for their order.
fn sorted(lines: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn points_go_from_redis_to_a_file_and_back() {
    let redis = Redis::start(&[]);
    let (url, other) = (redis.url(0), redis.url(1));
    let mut engine = open(&redis);
    all_orders(&mut *engine);
    engine.bar("ada", true).expect("it works");
    let lines = command(&["export"], &url, "", 0);
    // A beginning, three sessions, a person, its points of a week and ever.
    assert_eq!(lines.lines().count(), 7, "{lines}");
    says(&["check"], &url, "", 0, "in order: 3 sessions, 1 persons");
    let folder = Folder::new();
    let file = folder.file("points.db");
    let file = file.to_str().expect("ASCII");
    says(&["import"], file, &lines, 0, "6 taken, 0 left");
    let from_file = command(&["export"], file, "", 0);
    assert_eq!(sorted(&from_file), sorted(&lines));
    for wanted in ["6 taken, 0 left", "0 taken, 6 left"] {
        says(&["import"], &other, &from_file, 0, wanted);
    }
    let again = command(&["export"], &other, "", 0);
    assert_eq!(sorted(&again), sorted(&lines));
    // It is all there for a server, also who is barred.
    let mut there = try_open(&other).unwrap_or_else(|line| panic!("{line}"));
    let mut shown = || {
        let week = Week::of(START).expect("a week");
        let said = there.apply(&[StoreOp::Top { week }], NOW);
        format!("{said:?}").matches("points: 2").count()
    };
    assert_eq!(shown(), 0);
    command(&["bar", "--undo", "ada"], &other, "", 0);
    assert_eq!(shown(), 1);
    let forget = ["forget", "--person", "ada"];
    says(&forget, &other, "", 0, "bgrewriteaof");
    assert_eq!(shown(), 0);
    says(&forget, &other, "", 1, "nobody in");
    // Both tombstones go along, and keep away what they stand for.
    let last = command(&["export"], &other, "", 0);
    assert_eq!(last.matches("tombstone").count(), 2, "{last}");
    says(&["import"], &other, &lines, 0, "0 taken, 6 left");
    says(&["backup", "copy.db"], &url, "", 1, "redis-cli --rdb");
    says(
        &["check"],
        "redis+unix:///nowhere",
        "",
        1,
        "cannot be reached",
    );
    let bad = "{\"roshambo_store\":1}\n{}\n";
    says(&["import"], &url, bad, 1, "line 2");
}

/// Its certificate is checked as any other.
#[cfg(feature = "tls")]
#[test]
fn a_redis_behind_tls() {
    let folder = Folder::new();
    let file = |name: &str| folder.file(name).to_str().expect("ASCII").to_owned();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE";
    let made = Command::new("openssl")
        .args(words.split_whitespace())
        .args(["-out", &cert, "-keyout", &key])
        .output();
    assert!(made.expect("openssl").status.success(), "no certificate");
    // A port that was free a moment ago; another one if it is not any more.
    let (redis, port) = (0..9)
        .find_map(|_| {
            let listener = TcpListener::bind("127.0.0.1:0").ok()?;
            let port = listener.local_addr().ok()?.port().to_string();
            drop(listener);
            let words = ["--tls-port", &port, "--tls-cert-file", &cert];
            let more = ["--tls-key-file", &key, "--tls-auth-clients", "no"];
            let authorities = ["--tls-ca-cert-file", &cert];
            let words = [&words[..], &more[..], &authorities[..]].concat();
            Some((Redis::try_start(&words)?, port))
        })
        .expect("a free port");
    let url = format!("rediss://localhost:{port}");
    let check = |authorities: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roshambo"));
        command.args(["store", "check", "--store", &url]);
        let output = command.env("SSL_CERT_FILE", authorities).output();
        let output = output.expect("it starts");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        (output.status.code(), text)
    };
    let (code, said) = check(&cert);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("0 sessions"), "{said}");
    let (code, said) = check("/dev/null");
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    drop(redis);
}

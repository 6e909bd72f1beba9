//! A reload, which cannot carry TLS: who came by it is asked to come back, and has its session.

use crate::pair::Pair;
use crate::secure::{VERSIONS, config, open};
use crate::support::client::{Client, Dialect};
use crate::support::process::{command, run_command};

#[test]
fn who_came_by_tls_is_asked_to_come_back_and_finds_its_session() {
    let pair = Pair::new(90);
    let served = pair.serve(&["--drain-spread", "0"]);
    let join = |token: Option<&str>| {
        let stream = open(served.tls, &config(VERSIONS[0]));
        let mut player = Client::open_on(stream, Dialect::Plain, &Dialect::Plain.target());
        let token = token.map_or(String::new(), |token| format!(r#","session":"{token}""#));
        player.send(&format!(
            r#"["hello",{{"v":2,"user":{{"uname":"p","uavatar":""}}{token}}}]"#
        ));
        let hi = player.hi();
        (player, hi)
    };
    let (mut player, hi) = join(None);
    let (mut plain, _) = Client::v2(served.server.address(), Dialect::Plain, "plain");
    let mut reload = command();
    reload.args(["reload", &served.server.pid().to_string()]);
    let exit = run_command(reload);
    assert_eq!(exit.code(), Some(0), "{}{}", exit.stdout, exit.stderr);
    let want = "; 1 by TLS were asked to come back";
    assert!(exit.stdout.contains(want), "{}", exit.stdout);
    served
        .server
        .log()
        .wait_for("the same in the log", |line| line.contains(want));
    let (texts, code) = player.until_close();
    assert!(
        texts.iter().any(|text| text.starts_with(r#"["bye","#)),
        "{texts:?}"
    );
    assert_eq!(code, Some(1012));
    let (mut again, hi_again) = join(Some(&hi.session));
    assert!(hi_again.resumed);
    assert_eq!(hi_again.uid, hi.uid);
    // Who came without TLS has noticed nothing.
    plain.send(r#"["ping"]"#);
    plain.until("pong");
    again.send(r#"["ping"]"#);
    again.until("pong");
}

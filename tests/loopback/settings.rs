//! What a person may mistype in a setting: said at the start and by `--check`, and never an end.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use crate::support::Directory;
use crate::support::client::{Client, Dialect};
use crate::support::http::get;
use crate::support::process::{Exit, Server, command, run, run_command};

/// `--check` with these variables and flags.
fn check(variables: &[(&str, &str)], flags: &[&str]) -> Exit {
    let mut command = command();
    command
        .envs(variables.iter().copied())
        .arg("--check")
        .args(flags);
    run_command(command)
}

#[test]
fn a_variable_that_is_no_setting_is_told_once_with_the_name_that_was_meant() {
    let variables = [
        ("ROSHAMBO_GAMETIME", "5s"),
        ("ROSHAMBO_GAME_TIME", "2s"),
        ("ROSHAMBO_SERVICE_HOST", "10.0.0.1"),
        ("ROSHAMBO_BIN", "x"),
    ];
    let want = "ROSHAMBO_GAMETIME is no setting and is not used; did you mean ROSHAMBO_GAME_TIME?";
    let exit = check(&variables, &[]);
    assert_eq!(exit.code(), Some(0), "it is no fault: {}", exit.stderr);
    assert_eq!(exit.stderr, format!("roshambo: {want}\n"));
    assert!(exit.stdout.contains("--game-time = 2s"), "{}", exit.stdout);

    let mut command = command();
    command.envs(variables).args(["--listen", "127.0.0.1:0"]);
    let server = Server::spawn(command);
    assert_eq!(get(server.address(), "/healthz").status, 200);
    let lines = server.log().deeds();
    let told = lines.iter().filter(|line| line.contains(" WARN "));
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 1, "{lines:?}");
    assert!(told[0].ends_with(want), "{}", told[0]);
}

#[test]
fn an_admin_listener_that_others_can_reach_is_told() {
    let flags = ["--admin", "0.0.0.0:0"];
    let want = "--admin 0.0.0.0:0 can be read by whoever reaches it";
    let exit = check(&[], &flags);
    assert_eq!(exit.code(), Some(0));
    assert!(exit.stderr.contains(want), "{}", exit.stderr);
    let server = Server::start(&flags);
    server
        .log()
        .wait_for("a warning", |line| line.contains(want));
    let server = Server::start(&["--admin", "127.0.0.1:0"]);
    let told = |line: &String| line.contains(" WARN ");
    assert!(
        !server.log().deeds().iter().any(told),
        "{}",
        server.log().text()
    );
}

#[test]
fn a_drain_that_others_may_not_wait_for_is_told_by_check() {
    let exit = check(&[], &["--drain-timeout", "1m"]);
    assert_eq!(exit.code(), Some(0));
    assert!(
        exit.stderr.contains("EXTEND_TIMEOUT_USEC"),
        "{}",
        exit.stderr
    );
    assert_eq!(check(&[], &[]).stderr, "");
}

/// Whatever the line at the start tells to open can be opened, and if this machine has a way to
/// others, it is no address that only itself can reach.
#[test]
fn a_server_that_listens_everywhere_tells_an_address_that_can_be_opened() {
    let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    let is_default = |line: &str| line.split_whitespace().nth(1) == Some("00000000");
    let has_way_out = routes.lines().any(is_default);
    for everywhere in ["0.0.0.0:0", "[::]:0"] {
        let mut command = command();
        command.args(["--listen", everywhere]);
        let server = Server::spawn(command);
        let line = server
            .log()
            .wait_for("the start", |line| line.contains("http://"));
        let (_, rest) = line.split_once("http://").expect("a URL");
        let (shown, _) = rest.split_once("/ in a browser").expect("what to do");
        let shown: std::net::SocketAddr = shown.parse().expect("an address");
        assert_eq!(get(shown, "/healthz").status, 200, "{line}");
        assert!(!has_way_out || !shown.ip().is_loopback(), "{line}");
    }
}

#[test]
fn a_unix_socket_lets_in_whom_its_mode_says() {
    let directory = Directory::new();
    let path = directory.file("game.sock");
    let admin = directory.file("admin.sock");
    let listen = format!("unix:{}", path.display());
    let admin_listen = format!("unix:{}", admin.display());
    let rows: [(&[&str], u32); 3] = [
        (&[], 0o666),
        (&["--unix-mode", "0660"], 0o660),
        (&["--unix-mode", "600"], 0o600),
    ];
    for (flags, want) in rows {
        // Whatever the process was started with.
        let mut command =
            crate::support::process::command_by(&["sh", "-c", "umask 077; exec \"$0\" \"$@\""]);
        command
            .args(["--listen", &listen, "--admin", &admin_listen])
            .args(flags);
        let server = Server::spawn(command);
        let mode = |path| {
            let metadata = std::fs::metadata(path).expect("it is there");
            metadata.permissions().mode() & 0o777
        };
        assert_eq!(mode(&path), want, "{flags:?}");
        assert_eq!(mode(&admin), 0o660, "{flags:?}");
        let stream = UnixStream::connect(&path).expect("the server listens");
        let dialect = Dialect::Plain;
        let mut client = Client::open_on(stream, dialect, &dialect.target());
        client.hello("ann");
        client.until("hi");
        client.leave();
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[test]
fn what_is_at_a_unix_socket_s_path_is_called_what_it_is_and_kept() {
    let directory = Directory::new();
    let path = directory.file("sessions");
    std::fs::write(&path, "precious").expect("a writable place");
    let listen = format!("unix:{}", path.display());
    let exit = run(&["--listen", &listen]);
    assert_eq!(exit.code(), Some(1));
    assert!(
        exit.stderr.contains("a regular file of that name"),
        "{}",
        exit.stderr
    );
    let exit = run(&["--listen", "127.0.0.1:0", "--admin", &listen]);
    assert_eq!(exit.code(), Some(1));
    assert!(
        exit.stderr.contains("another path with --admin"),
        "{}",
        exit.stderr
    );
    let kept = std::fs::read_to_string(&path).expect("it is kept");
    assert_eq!(kept, "precious");
}

/// Whoever has only built it does not find it under its name alone, nor does what is copied from the
/// help then work.
#[test]
fn the_program_calls_itself_as_it_was_called() {
    let path = env!("CARGO_BIN_EXE_roshambo");
    for (args, line) in [
        (&["--nonsense"][..], format!("try {path} --help")),
        (&["bench"], format!("try {path} bench --help")),
        (&["probe"], format!("try {path} probe --help")),
    ] {
        let exit = run(args);
        assert_eq!(exit.stderr.lines().last(), Some(&*line), "{}", exit.stderr);
    }
    let help = run(&["--help"]).stdout;
    assert!(
        help.contains(&format!("\nUsage: {path} [FLAG VALUE]")),
        "{help}"
    );
    assert!(
        help.contains(&format!("\n  {path} --listen 0.0.0.0:8080")),
        "{help}"
    );
    let installed = std::path::Path::new(path).parent().expect("a folder");
    let mut by_name = std::process::Command::new("sh");
    by_name
        .args(["-c", "PATH=$0:$PATH; roshambo --nonsense"])
        .arg(installed);
    let output = by_name.output().expect("a shell");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.ends_with("try roshambo --help\n"), "{text}");
}

/// A shell in between keeps the sockets' process number from being the server's, and then another
/// process seems to have its port.
#[test]
fn sockets_that_another_process_was_given_are_told() {
    let mut command = command();
    command
        .envs([("LISTEN_FDS", "1"), ("LISTEN_PID", "1")])
        .args(["--listen", "127.0.0.1:0"]);
    let server = Server::spawn(command);
    let told = |line: &String| line.contains("handed over to process 1, and this is");
    assert!(
        server.log().lines().iter().any(told),
        "{}",
        server.log().text()
    );
}

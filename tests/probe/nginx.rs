//! `roshambo probe wss://…` through a real nginx with the site file that is shipped: right, and with
//! one thing wrong at a time. Needs nginx and openssl.

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::{Server, check_with};

const SITE: &str = include_str!("../../systemd/nginx/roshambo.conf");

/// Certificates for `localhost`, and the authorities above them, made once.
struct Authorities(PathBuf);

static AUTHORITIES: LazyLock<Authorities> = LazyLock::new(Authorities::make);

impl Authorities {
    fn make() -> Self {
        sweep();
        let directory = directory("authorities");
        let authorities = Self(directory);
        // `openssl ca` takes dates in the past, which nothing else of version 3.0 does.
        let config = "[ca]\ndefault_ca = all\n[all]\ndatabase = index\nserial = serial\n\
             new_certs_dir = .\ndefault_md = sha256\npolicy = any\nunique_subject = no\n\
             copy_extensions = copy\n[any]\ncommonName = supplied\n\
             [above]\nbasicConstraints = critical,CA:true\n";
        fs::write(authorities.path("config"), config).expect("room");
        fs::write(authorities.path("index"), "").expect("room");
        fs::write(authorities.path("serial"), "1000\n").expect("room");
        authorities.own(
            "root",
            "/CN=Test Root",
            &["-addext", "basicConstraints=critical,CA:true"],
        );
        authorities.own(
            "self-signed",
            "/CN=localhost",
            &["-addext", "subjectAltName=DNS:localhost"],
        );
        let always = ["20200101000000Z", "20991231235959Z"];
        authorities.signed("middle", "root", "/CN=Test Middle", None, always);
        let names = Some("DNS:localhost,IP:127.0.0.1");
        authorities.signed("right", "middle", "/CN=localhost", names, always);
        let other = Some("DNS:other.example");
        authorities.signed("other", "middle", "/CN=other.example", other, always);
        let then = ["20200101000000Z", "20200201000000Z"];
        authorities.signed("expired", "middle", "/CN=localhost", names, then);
        let later = ["20980101000000Z", "20991231235959Z"];
        authorities.signed("early", "middle", "/CN=localhost", names, later);
        for leaf in ["right", "other", "expired", "early"] {
            authorities.join(&format!("{leaf}.chain"), &[leaf, "middle"]);
        }
        authorities.join("right.whole", &["right", "middle", "root"]);
        authorities
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn openssl(&self, args: &[&str]) {
        let output = Command::new("openssl")
            .args(args)
            .current_dir(&self.0)
            .output()
            .expect("openssl is there");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
    }

    fn own(&self, name: &str, subject: &str, more: &[&str]) {
        let (key, out) = (format!("{name}.key"), format!("{name}.pem"));
        let new = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ];
        let rest = [
            "-nodes", "-days", "2", "-subj", subject, "-keyout", &key, "-out", &out,
        ];
        self.openssl(&[&new[..], &rest, more].concat());
    }

    /// A certificate by another one, for these names, or an authority's if there are none.
    fn signed(&self, name: &str, by: &str, subject: &str, names: Option<&str>, dates: [&str; 2]) {
        let [key, request, out] = ["key", "csr", "pem"].map(|end| format!("{name}.{end}"));
        let names = names.map(|names| format!("subjectAltName={names}"));
        let names = names.as_ref().map(|names| ["-addext", names]);
        let new = [
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ];
        let rest = ["-subj", subject, "-keyout", &key, "-out", &request];
        self.openssl(
            &[
                &new[..],
                &rest,
                names.as_ref().map_or(&[], |names| &names[..]),
            ]
            .concat(),
        );
        let (cert, signer) = (format!("{by}.pem"), format!("{by}.key"));
        let [from, to] = dates;
        let sign = [
            "ca", "-batch", "-config", "config", "-notext", "-cert", &cert,
        ];
        let rest = ["-keyfile", &signer, "-in", &request, "-out", &out];
        let dates = ["-startdate", from, "-enddate", to];
        let above: &[&str] = if names.is_none() {
            &["-extensions", "above"]
        } else {
            &[]
        };
        self.openssl(&[&sign[..], &rest, &dates, above].concat());
    }

    fn join(&self, name: &str, parts: &[&str]) {
        let read = |part: &&str| fs::read(self.path(&format!("{part}.pem"))).expect("it was made");
        let joined: Vec<u8> = parts.iter().flat_map(read).collect();
        fs::write(self.path(&format!("{name}.pem")), joined).expect("room");
    }
}

/// What stands before the process id in the names of our directories.
const OURS: &str = "probe-nginx-";

/// Removes what earlier runs left: statics are not dropped, and neither is anything by a signal.
fn sweep() {
    let entries = fs::read_dir(env!("CARGO_TARGET_TMPDIR")).expect("cargo made it");
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(OURS));
        let pid = pid.and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn directory(name: &str) -> PathBuf {
    let path =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{OURS}{}-{name}", std::process::id()));
    fs::create_dir_all(&path).expect("a directory");
    path
}

/// An nginx of its own, in a directory of its own, that ends with the test.
struct Nginx {
    child: Child,
    directory: PathBuf,
    tls: u16,
    plain: u16,
}

impl Nginx {
    /// The site as it is shipped, with this certificate and these changes.
    fn start(name: &str, server: &Server, cert: &str, changes: &[(&str, &str)]) -> Self {
        // Between the choice of a port and its use somebody else may take it.
        let tries = (0..3).find_map(|_| Self::try_start(name, server, cert, changes));
        tries.expect("nginx listens")
    }

    fn try_start(
        name: &str,
        server: &Server,
        cert: &str,
        changes: &[(&str, &str)],
    ) -> Option<Self> {
        let directory = directory(name);
        let [tls, plain] = free_ports();
        let key = cert.split('.').next().expect("a name");
        let file = |name: &str| directory.join(name).display().to_string();
        let made = |name: String| AUTHORITIES.path(&name).display().to_string();
        let here = [
            ("listen 80;", format!("listen 127.0.0.1:{plain};")),
            ("listen [::]:80;", String::new()),
            ("listen 443 ssl;", format!("listen 127.0.0.1:{tls} ssl;")),
            ("listen [::]:443 ssl;", String::new()),
            (
                "/etc/letsencrypt/live/example.org/fullchain.pem",
                made(format!("{cert}.pem")),
            ),
            (
                "/etc/letsencrypt/live/example.org/privkey.pem",
                made(format!("{key}.key")),
            ),
            (
                "server unix:/run/roshambo/roshambo.sock;",
                format!("server {};", server.address),
            ),
        ];
        let mut site = SITE.to_owned();
        let changes = changes.iter().map(|(from, to)| (*from, (*to).to_owned()));
        for (from, to) in here.into_iter().chain(changes) {
            assert_eq!(
                site.matches(from).count(),
                1,
                "the site file says {from:?} once"
            );
            site = site.replace(from, &to);
        }
        fs::write(file("site.conf"), site).expect("room");
        let main = format!(
            "daemon off;\nworker_processes 1;\npid {};\nerror_log {};\n\
             events {{ worker_connections 64; }}\nhttp {{\n access_log off;\n\
             client_body_temp_path {b};\n proxy_temp_path {b};\n fastcgi_temp_path {b};\n\
             uwsgi_temp_path {b};\n scgi_temp_path {b};\n include {};\n}}\n",
            file("pid"),
            file("error.log"),
            file("site.conf"),
            b = file("temporary"),
        );
        fs::write(file("nginx.conf"), main).expect("room");
        // Debian keeps it where only root's path leads.
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        let child = Command::new("nginx")
            .args([
                "-p",
                &file(""),
                "-c",
                &file("nginx.conf"),
                "-e",
                &file("error.log"),
            ])
            .env("PATH", path)
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is there");
        // From here on it ends with this, whatever follows.
        let mut nginx = Self {
            child,
            directory,
            tls,
            plain,
        };
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            if TcpStream::connect(("127.0.0.1", tls)).is_ok() {
                return Some(nginx);
            }
            if nginx.child.try_wait().expect("a child").is_some() {
                let log = fs::read_to_string(nginx.directory.join("error.log"));
                let log = log.unwrap_or_default();
                assert!(log.contains("Address already in use"), "{log}");
                return None;
            }
            assert!(Instant::now() < end, "nginx does not listen");
            std::thread::yield_now();
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // One that ended by itself has no process id any more.
        if matches!(self.child.try_wait(), Ok(None)) {
            // Its workers end with the master only if it is asked to.
            let quit = Command::new("sh")
                .args(["-c", &format!("kill -TERM {}", self.child.id())])
                .status();
            if !quit.is_ok_and(|status| status.success()) {
                let _ = self.child.kill();
            }
            let _ = self.child.wait();
        }
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != ErrorKind::NotFound => eprintln!("{error}"),
            _ => (),
        }
    }
}

/// Two ports that differ: each is held until both are known.
fn free_ports() -> [u16; 2] {
    let hold = |_| TcpListener::bind("127.0.0.1:0").expect("a free port");
    let held: [TcpListener; 2] = std::array::from_fn(hold);
    held.map(|listener| listener.local_addr().expect("its address").port())
}

/// What a probe that believes `root` says about an address, with these further arguments.
#[track_caller]
fn check(root: &str, args: &[&str], code: i32, wants: &[&str]) {
    let bundle = AUTHORITIES.path(&format!("{root}.pem"));
    check_with(&[("SSL_CERT_FILE", &bundle)], args, code, wants);
}

const UPGRADE_LINES: [(&str, &str); 2] = [
    ("proxy_set_header Upgrade $http_upgrade;", ""),
    ("proxy_set_header Connection $roshambo_connection;", ""),
];

#[test]
fn the_site_as_it_is_shipped_lets_players_through() {
    let server = Server::start();
    let nginx = Nginx::start("right", &server, "right.chain", &[]);
    let wants = [
        "ok     plain dialect",
        "ok     Engine.IO 3",
        "ok     Engine.IO 4",
        "ok     a round: played against a robot",
        "ok     idling: still there after",
    ];
    let quick = ["--idle", "1s", "--slow", "10s"];
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("wss://{host}:{}", nginx.tls);
        check("root", &[&[&*url], &quick[..]].concat(), 0, &wants);
    }
    // Asked without TLS: the plain port leads to https, the other one says what it wants.
    let url = format!("ws://localhost:{}", nginx.plain);
    check(
        "root",
        &[&url],
        2,
        &["status 301, sent to https://localhost/", "ask with wss://"],
    );
    let url = format!("ws://localhost:{}", nginx.tls);
    check(
        "root",
        &[&url],
        2,
        &["the port wants TLS", "wss:// instead of ws://"],
    );
    let url = format!("wss://localhost:{}", nginx.plain);
    check("root", &[&url], 2, &["speaks no TLS", "listen 443 ssl;"]);
    // And nothing inside knows of a metrics page.
    let url = format!("wss://localhost:{}/metrics", nginx.tls);
    check("root", &[&url], 2, &["status 404"]);
}

#[test]
fn a_wrong_site_is_named_with_the_line_to_change() {
    let server = Server::start();
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a [&'a str]);
    let path = [
        (
            "location / {\n        # Without",
            "location /game/ {\n        # Without",
        ),
        (
            "proxy_pass http://roshambo;",
            "proxy_pass http://roshambo/;",
        ),
    ];
    let rows: [Row<'_>; 7] = [
        (
            "no-upgrade",
            &UPGRADE_LINES,
            "",
            &[
                "status 426",
                "proxy_set_header Upgrade $http_upgrade;",
                "Connection",
            ],
        ),
        (
            "old-http",
            &[("proxy_http_version 1.1;", "")],
            "",
            &["status 400", "proxy_http_version 1.1;"],
        ),
        (
            "path-replaced",
            &path,
            "/game/applet",
            &["status 404", "proxy_pass http://roshambo;"],
        ),
        ("path-elsewhere", &path, "", &["status 404", "--base-path"]),
        (
            "moved",
            &[("proxy_pass http://roshambo;", "return 302 /elsewhere;")],
            "",
            &["status 302, sent to", "No client of a WebSocket follows"],
        ),
        (
            "nobody-there",
            &[
                (
                    "server_name example.org;\n\n    # The full",
                    "server_name example.org;\n    error_page 404 /;\n\n    # The full",
                ),
                (
                    "proxy_pass http://roshambo;",
                    "proxy_pass http://127.0.0.1:1;",
                ),
            ],
            "",
            &["status 502", "server unix:/run/roshambo/roshambo.sock;"],
        ),
        (
            "limited",
            &[(
                "limit_conn roshambo_players 300;",
                "limit_conn roshambo_players 1;\n    deny all;",
            )],
            "",
            &["status 403", "a rule of its own"],
        ),
    ];
    for (name, changes, base, wants) in rows {
        let nginx = Nginx::start(name, &server, "right.chain", changes);
        let url = format!("wss://localhost:{}{base}", nginx.tls);
        let wants = [&["BROKEN plain dialect"], wants].concat();
        check("root", &[&url], 2, &wants);
    }
}

#[test]
fn a_short_time_out_is_found_by_idling() {
    let server = Server::start_with(&["--ping-interval", "1m"]);
    let hasty = [("proxy_read_timeout 90s;", "proxy_read_timeout 1s;")];
    let nginx = Nginx::start("hasty", &server, "right.chain", &hasty);
    let url = format!("wss://localhost:{}", nginx.tls);
    // A round of a second may be cut, too: there is silence in it.
    check(
        "root",
        &[&url, "--idle", "10m", "--slow", "10s"],
        2,
        &["cut after", "proxy_read_timeout 90s;"],
    );
}

#[test]
fn a_certificate_that_phones_refuse_is_explained() {
    let server = Server::start();
    let full = "ssl_certificate /etc/letsencrypt/live/YOUR.DOMAIN/fullchain.pem;";
    // The certificate, whom the machine believes, and what the probe says.
    let rows: [(&str, &str, &[&str]); 7] = [
        (
            "right",
            "root",
            &[
                "a gap: the certificate of \"Test Middle\"",
                "Use the full chain",
                full,
            ],
        ),
        ("self-signed", "root", &["self-signed", "SSL_CERT_FILE"]),
        (
            "right.whole",
            "self-signed",
            &["ends at \"Test Root\"", "Nobody but you believes it"],
        ),
        // Nobody sends the last one, so this looks like a gap above the middle.
        (
            "right.chain",
            "self-signed",
            &["a gap: the certificate of \"Test Root\""],
        ),
        (
            "other.chain",
            "root",
            &[
                "another name, [",
                "other.example",
                "server_name YOUR.DOMAIN;",
            ],
        ),
        (
            "expired.chain",
            "root",
            &["certificate expired", "certbot renew"],
        ),
        ("early.chain", "root", &["not valid yet", "timedatectl"]),
    ];
    for (cert, root, wants) in rows {
        let nginx = Nginx::start(&format!("cert-{cert}"), &server, cert, &[]);
        let url = format!("wss://localhost:{}", nginx.tls);
        let wants = [&["BROKEN plain dialect"], wants].concat();
        check(root, &[&url], 2, &wants);
    }
}

#[test]
fn without_any_authority_nothing_is_believed() {
    let (nothing, nowhere) = (PathBuf::from("/dev/null"), directory("nowhere"));
    let variables = [("SSL_CERT_FILE", &nothing), ("SSL_CERT_DIR", &nowhere)];
    check_with(
        &variables,
        &["wss://localhost:1"],
        3,
        &["no certificate authority to believe"],
    );
}

//! Certificates and keys, made by openssl, and a server that uses them.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::support::Directory;
use crate::support::process::Server;

/// A folder with `cert.pem` and `key.pem`, or a place for them.
#[derive(Debug)]
pub(crate) struct Pair {
    folder: Directory,
}

impl Pair {
    /// Without files.
    pub(crate) fn none() -> Self {
        let folder = Directory::new();
        Self { folder }
    }

    /// For `localhost`, and so many days.
    pub(crate) fn new(days: u32) -> Self {
        let pair = Self::none();
        pair.make("localhost", days);
        pair
    }

    /// Makes it, or makes it anew, as certbot does: each file is replaced by a new one.
    pub(crate) fn make(&self, name: &str, days: u32) {
        let (key, cert) = (self.file("new-key"), self.file("new-cert"));
        let days = days.to_string();
        let subject = format!("/CN={name}");
        let names = format!("subjectAltName=DNS:{name}");
        let (key_text, cert_text) = (key.display().to_string(), cert.display().to_string());
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-nodes"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-days", &days, "-subj", &subject, "-addext", &names])
            .args(["-keyout", &key_text, "-out", &cert_text])
            .output();
        let made = made.expect("openssl is there");
        assert!(made.status.success(), "{made:?}");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("our file");
        fs::rename(key, self.key()).expect("one folder");
        fs::rename(cert, self.cert()).expect("one folder");
    }

    /// Lets an authority of its own, `above.pem`, have signed the certificate, and puts that behind
    /// it.
    pub(crate) fn sign_by_authority(&self) {
        fs::write(self.file("names"), "subjectAltName=DNS:localhost").expect("room");
        self.openssl(&[
            "req -x509 -newkey ec -nodes -pkeyopt ec_paramgen_curve:prime256v1 -days 90",
            "-subj /CN=Above -keyout above.key -out above.pem",
        ]);
        self.openssl(&["req -new -key key.pem -subj /CN=localhost -out request"]);
        self.openssl(&[
            "x509 -req -in request -CA above.pem -CAkey above.key -days 9 -extfile names",
            "-out leaf.pem",
        ]);
        let chain = ["leaf.pem", "above.pem"].map(|name| fs::read(self.file(name)).expect("PEM"));
        fs::write(self.cert(), chain.concat()).expect("room");
    }

    /// Lets the certificate have ended long ago, which `openssl ca` alone can do in version 3.0.
    pub(crate) fn end(&self) {
        let config = "[ca]\ndefault_ca = all\n[all]\ndatabase = index\nserial = serial\n\
             new_certs_dir = .\ndefault_md = sha256\npolicy = any\n[any]\ncommonName = supplied\n";
        let names = "subjectAltName=DNS:localhost";
        let files = [
            ("config", config),
            ("index", ""),
            ("serial", "1000\n"),
            ("names", names),
        ];
        for (name, text) in files {
            fs::write(self.file(name), text).expect("room");
        }
        self.openssl(&["req -new -key key.pem -subj /CN=localhost -out request"]);
        self.openssl(&[
            "ca -batch -config config -notext -selfsign -keyfile key.pem -in request",
            "-startdate 20200101000000Z -enddate 20200201000000Z -extfile names -out cert.pem",
        ]);
    }

    /// Runs openssl with these words in the folder.
    pub(crate) fn openssl(&self, words: &[&str]) {
        let words = words.iter().flat_map(|line| line.split(' '));
        let done = Command::new("openssl")
            .args(words)
            .current_dir(self.file("."))
            .output();
        let done = done.expect("openssl is there");
        assert!(done.status.success(), "{done:?}");
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.file(name)
    }

    pub(crate) fn cert(&self) -> PathBuf {
        self.file("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.file("key.pem")
    }

    /// What a server needs to use it.
    pub(crate) fn flags(&self) -> Vec<String> {
        let [cert, key] = [self.cert(), self.key()].map(|path| path.display().to_string());
        let flags = [
            "--tls-listen",
            "127.0.0.1:0",
            "--tls-cert",
            &cert,
            "--tls-key",
            &key,
        ];
        flags.map(str::to_owned).to_vec()
    }

    /// A server that uses it, where two humans meet.
    pub(crate) fn serve(&self, flags: &[&str]) -> Served {
        let own = self.flags();
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        Served::of(Server::for_pairs(&[&own, flags].concat()))
    }
}

/// A server, and where it speaks TLS.
pub(crate) struct Served {
    pub(crate) server: Server,
    pub(crate) tls: SocketAddr,
}

impl Served {
    pub(crate) fn of(server: Server) -> Self {
        let tls = place_behind(&server, "https and wss on ");
        Self { server, tls }
    }
}

/// The address behind these words in the line that says where it listens.
pub(crate) fn place_behind(server: &Server, words: &str) -> SocketAddr {
    let line = server
        .log()
        .wait_for("the place", |line| line.contains(words));
    let (_, rest) = line.split_once(words).expect("it was looked for");
    let end = rest.find([';', ',']).unwrap_or(rest.len());
    rest[..end].trim().parse().expect("an address")
}

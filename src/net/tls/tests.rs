//! A session against rustls' own client, without sockets: whatever the cuts, every byte arrives.

use std::process::Command;
use std::sync::{Arc, LazyLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    SupportedProtocolVersion,
};

use super::keys::Keys;
use super::{CIPHER_BYTES_MAX, Fault, Session};
use crate::config::Config;
use crate::net::queue::Pool;

/// Names a pair of files in a configuration. They are made once, and stay.
pub(crate) fn with_pair(config: &mut Config) {
    static FOLDER: LazyLock<std::path::PathBuf> = LazyLock::new(|| {
        let folder = std::env::temp_dir().join(format!("roshambo-pair-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("room");
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "90"])
            .args([
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-subj",
                "/CN=localhost",
            ])
            .args(["-keyout", "key.pem", "-out", "cert.pem"])
            .current_dir(&folder)
            .output();
        assert!(made.expect("openssl is there").status.success());
        folder
    });
    config.tls_cert = Some(FOLDER.join("cert.pem"));
    config.tls_key = Some(FOLDER.join("key.pem"));
}

/// A client that believes everybody.
pub(crate) fn client(version: &'static SupportedProtocolVersion) -> ClientConnection {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = builder
        .with_protocol_versions(&[version])
        .expect("a version")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous))
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    ClientConnection::new(Arc::new(config), name).expect("a client")
}

#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// Both ends, and what travels between them.
struct Line {
    client: ClientConnection,
    session: Session,
    pool: Pool,
    /// On its way to the server, and what has arrived there.
    to_server: Vec<u8>,
    arrived: Vec<u8>,
    /// What arrived at the client.
    returned: Vec<u8>,
}

impl Line {
    fn new(version: &'static SupportedProtocolVersion) -> Self {
        let mut config = Config::default();
        with_pair(&mut config);
        let mut keys = Keys::of(&config).expect("random bytes");
        keys.read().expect("a pair");
        Self {
            client: client(version),
            session: *keys.session().expect("a session"),
            pool: Pool::default(),
            to_server: Vec::new(),
            arrived: Vec::new(),
            returned: Vec::new(),
        }
    }

    /// Lets the server have the next bytes, at most `cut` of them, as a connection would.
    fn step(&mut self, cut: usize) -> Result<(), Fault> {
        let mut cipher = vec![0; CIPHER_BYTES_MAX];
        let mut plain = vec![0; CIPHER_BYTES_MAX];
        let known = self.session.put_rest(&mut cipher);
        let cut = cut.min(self.to_server.len()).min(cipher.len() - known);
        for (place, byte) in cipher[known..].iter_mut().zip(self.to_server.drain(..cut)) {
            *place = byte;
        }
        let count = self
            .session
            .open(&mut cipher[..known + cut], &mut plain, &mut self.pool)?;
        self.arrived.extend(&plain[..count]);
        self.answer();
        Ok(())
    }

    /// Lets the client have all that is sealed.
    fn answer(&mut self) {
        use std::io::Read as _;

        while !self.session.sealed.is_empty() {
            let mut unsent = self.session.sealed.unsent();
            let count = self.client.read_tls(&mut unsent).expect("room");
            self.session.sealed.advance(count, &mut self.pool);
            self.client.process_new_packets().expect("sound records");
        }
        let mut bytes = Vec::new();
        let _ = self.client.reader().read_to_end(&mut bytes);
        self.returned.extend(bytes);
        while self.client.wants_write() {
            self.client.write_tls(&mut self.to_server).expect("memory");
        }
    }
}

#[test]
fn every_byte_arrives_whatever_the_cuts() {
    use std::io::Write as _;

    for (seed, version) in [(1, &rustls::version::TLS13), (2, &rustls::version::TLS12)] {
        for most in [1, 7, 100, 20_000] {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut line = Line::new(version);
            line.answer();
            while line.client.is_handshaking() || !line.to_server.is_empty() {
                line.step(rng.usize(1..=most)).expect("a sound handshake");
            }
            assert!(!line.session.is_shaking());
            let (mut sent, mut told) = (Vec::<u8>::new(), Vec::<u8>::new());
            for round in 0..20 {
                let bytes: Vec<u8> = (0..rng.usize(1..3_000)).map(|_| rng.u8(..)).collect();
                line.client.writer().write_all(&bytes).expect("memory");
                if round % 5 == 0 && version.version == rustls::ProtocolVersion::TLSv1_3 {
                    line.client.refresh_traffic_keys().expect("keys");
                }
                sent.extend(&bytes);
                line.answer();
                // What is said in between knows of the part that is there.
                line.step(most / 2).expect("a sound record");
                let mut left = bytes.as_slice();
                while !left.is_empty() {
                    let taken = line.session.seal(left, &mut line.pool);
                    assert_ne!(taken, 0, "nothing can be sent");
                    left = &left[taken..];
                }
                told.extend(&bytes);
                line.answer();
                while !line.to_server.is_empty() {
                    line.step(rng.usize(1..=most)).expect("sound records");
                }
            }
            assert!(line.arrived == sent && line.returned == told);
            line.client.send_close_notify();
            line.answer();
            while !line.to_server.is_empty() {
                line.step(most).expect("a sound end");
            }
            assert!(line.session.heard_out);
            line.session.seal_end(&mut line.pool);
            line.answer();
            assert!(!line.session.failed);
        }
    }
}

#[test]
fn a_quiet_session_owns_no_buffers() {
    let mut line = Line::new(&rustls::version::TLS13);
    line.answer();
    while line.client.is_handshaking() || !line.to_server.is_empty() {
        line.step(usize::MAX).expect("a sound handshake");
    }
    assert!(line.session.rest.is_empty() && line.session.sealed.is_empty());
}

#[test]
fn what_never_becomes_a_message_is_not_kept_for_ever() {
    let mut line = Line::new(&rustls::version::TLS13);
    // The first message of a handshake, 65,535 bytes long, in full records.
    let record = |fresh: &[u8]| {
        let mut record = vec![22, 3, 1, 0x40, 0];
        record.extend(fresh);
        record.resize(5 + (1 << 14), 0);
        record
    };
    line.to_server = [record(&[1, 0, 255, 255]), record(&[])].concat();
    let outcome = loop {
        match line.step(1_000) {
            Ok(()) if line.to_server.is_empty() => break Ok(()),
            Ok(()) => (),
            Err(fault) => break Err(fault),
        }
    };
    assert_eq!(outcome, Err(Fault::Alert));
}

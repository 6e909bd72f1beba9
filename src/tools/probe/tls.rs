//! TLS for `wss://`: the certificate is checked as a phone does, and a refusal is explained.
//!
//! The checks are rustls' own and none is left out; a refused chain is only looked at again, to
//! tell a certificate that is missing from one that nobody knows. Absent: sockets, advice.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, OtherError,
    RootCertStore, SignatureScheme, StreamOwned, crypto,
};

use super::failure::{Failure, TlsFault, is_timeout};

pub(super) type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Whom to believe, read once for all connections.
pub(in crate::tools) type Settings = Arc<ClientConfig>;

/// Reads the system's certificates: the usual places, or what `SSL_CERT_FILE` names.
///
/// # Errors
///
/// There are none: a line that says so.
pub(in crate::tools) fn settings() -> Result<Settings, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = match found.errors.first() {
            Some(error) => format!(" ({error})"),
            None => String::new(),
        };
        return Err(format!(
            "there is no certificate authority to believe{why}: install ca-certificates, or name \
             a file of theirs in SSL_CERT_FILE"
        ));
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let roots = Arc::new(roots);
    let strict = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
    let strict = strict.build().map_err(|error| error.to_string())?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Explaining(strict)))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// TLS on a connection, once the server has proved who it is.
pub(super) fn shake_hands(
    settings: &Settings,
    name: &str,
    mut stream: TcpStream,
) -> Result<Stream, Failure> {
    let fault = |text: String| Failure::Tls(TlsFault::Other(text));
    let name = ServerName::try_from(name.to_owned()).map_err(|error| fault(error.to_string()))?;
    let tls = ClientConnection::new(Arc::clone(settings), name);
    let mut tls = tls.map_err(|error| fault(error.to_string()))?;
    while tls.is_handshaking() {
        if let Err(error) = tls.complete_io(&mut stream) {
            return Err(explain(&error));
        }
    }
    Ok(StreamOwned::new(tls, stream))
}

fn explain(error: &io::Error) -> Failure {
    let known = error.get_ref().and_then(|inner| inner.downcast_ref());
    match known {
        Some(Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))) => {
            match inner.downcast_ref::<TlsFault>() {
                Some(fault) => Failure::Tls(fault.clone()),
                None => Failure::Tls(TlsFault::Other(inner.to_string())),
            }
        }
        Some(Error::InvalidMessage(_)) => Failure::Tls(TlsFault::NotTls),
        Some(other) => Failure::Tls(TlsFault::Other(other.to_string())),
        None if is_timeout(error) => Failure::Silence(super::PATIENCE),
        None if error.kind() == io::ErrorKind::UnexpectedEof => Failure::Tls(TlsFault::NotTls),
        None => Failure::Tls(TlsFault::Other(error.to_string())),
    }
}

/// The strict verifier, whose refusals become a [`TlsFault`].
#[derive(Debug)]
struct Explaining(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for Explaining {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.0.verify_server_cert(end, others, name, ocsp, now);
        verdict.map_err(|error| {
            let fault = fault_of(&error, end, others);
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(fault))))
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// What a refusal means; only ever asked about a chain that is refused already.
fn fault_of(error: &Error, end: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> TlsFault {
    use CertificateError as E;
    let Error::InvalidCertificate(reason) = error else {
        return TlsFault::Other(error.to_string());
    };
    match reason {
        E::Expired | E::ExpiredContext { .. } => TlsFault::Expired(error.to_string()),
        E::NotValidYet | E::NotValidYetContext { .. } => TlsFault::NotYet(error.to_string()),
        E::NotValidForNameContext { presented, .. } => TlsFault::WrongName(presented.clone()),
        E::NotValidForName => TlsFault::WrongName(Vec::new()),
        // A certificate that signs itself is refused in several ways, by what else it says.
        _ => end_of_chain(end, others).unwrap_or_else(|| TlsFault::Other(error.to_string())),
    }
}

/// Goes from the server's certificate up as far as the ones that were sent lead.
fn end_of_chain(end: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Option<TlsFault> {
    let certs = std::iter::once(end).chain(others);
    let names: Vec<_> = certs.filter_map(names_of).collect();
    let (subject, issuer) = names.first()?;
    let mut issuer = issuer;
    if subject == issuer {
        return Some(TlsFault::SelfSigned);
    }
    // Each step leads to another certificate, so there are no more of them than certificates.
    for _ in others {
        match names.iter().find(|(subject, _)| subject == issuer) {
            Some((subject, above)) if subject == above => {
                return Some(TlsFault::UnknownAuthority(common_name(issuer)));
            }
            Some((_, above)) => issuer = above,
            None => break,
        }
    }
    Some(TlsFault::Gap(common_name(issuer)))
}

/// A certificate's subject and issuer, as they stand in it.
fn names_of(der: &CertificateDer<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let cert = webpki::EndEntityCert::try_from(der).ok()?;
    Some((cert.subject().to_vec(), cert.issuer().to_vec()))
}

/// The common name in a distinguished one, or a word for none.
fn common_name(name: &[u8]) -> String {
    const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
    let found = name
        .windows(COMMON_NAME.len())
        .position(|at| at == COMMON_NAME);
    let text = found.and_then(|at| {
        // The kind of string, its length, its bytes.
        let rest = name.get(at + COMMON_NAME.len() + 1..)?;
        let (&length, rest) = rest.split_first()?;
        rest.get(..usize::from(length))
    });
    match text {
        Some(text) => String::from_utf8_lossy(text).into_owned(),
        None => "an authority without a name".into(),
    }
}

/// Believes whatever certificate a server shows: for one's own machine.
///
/// # Errors
///
/// There are no algorithms, which a test excludes.
pub(in crate::tools) fn credulous() -> Result<Settings, String> {
    let provider = Arc::new(crypto::ring::default_provider());
    let verifier = Arc::new(Credulous(Arc::clone(&provider)));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// It still checks that the server has the key of what it shows.
#[derive(Debug)]
struct Credulous(Arc<crypto::CryptoProvider>);

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
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

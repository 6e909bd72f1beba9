//! TLS for `wss://`: the certificate is checked as a phone does, and a refusal is explained.
//!
//! The checks are rustls' own and none is left out; a refused chain is only looked at again, to
//! tell a certificate that is missing from one that nobody knows. Absent: sockets, advice.

use std::fmt;
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

use super::player::{Failure, is_timeout};

pub(super) type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Whom to believe, read once for all connections.
pub(super) type Settings = Arc<ClientConfig>;

/// Why no TLS connection came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// What answers is no TLS.
    NotTls,
    /// The certificate is of nobody but itself.
    SelfSigned,
    /// Nobody known signed it, and the certificate of who did (this name) was not sent.
    Gap(String),
    /// The chain is whole and ends at this authority, whom the system does not know.
    UnknownAuthority(String),
    /// It is another name's certificate; these.
    WrongName(Vec<String>),
    /// It, or one above it, is no longer valid.
    Expired(String),
    /// It will be valid, or this machine's clock is wrong.
    NotYet(String),
    /// Anything else, in the library's words.
    Other(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names come from a certificate that nobody vouches for.
        match self {
            Self::NotTls => f.write_str("what answers there speaks no TLS"),
            Self::SelfSigned => f.write_str("the certificate is self-signed"),
            Self::Gap(issuer) => write!(
                f,
                "the chain has a gap: the certificate of {issuer:?}, who signed, was not sent"
            ),
            Self::UnknownAuthority(name) => {
                write!(
                    f,
                    "the chain ends at {name:?}, which this system does not know"
                )
            }
            Self::WrongName(names) => {
                write!(f, "the certificate is for another name, {names:?}")
            }
            Self::Expired(text) | Self::NotYet(text) => f.write_str(text),
            Self::Other(text) => write!(f, "TLS failed: {}", text.escape_debug()),
        }
    }
}

impl std::error::Error for Fault {}

/// Reads the system's certificates: the usual places, or what `SSL_CERT_FILE` names.
///
/// # Errors
///
/// There are none: a line that says so.
pub(super) fn settings() -> Result<Settings, String> {
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
    let fault = |text: String| Failure::Tls(Fault::Other(text));
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
            match inner.downcast_ref::<Fault>() {
                Some(fault) => Failure::Tls(fault.clone()),
                None => Failure::Tls(Fault::Other(inner.to_string())),
            }
        }
        Some(Error::InvalidMessage(_)) => Failure::Tls(Fault::NotTls),
        Some(other) => Failure::Tls(Fault::Other(other.to_string())),
        None if is_timeout(error) => Failure::Silence(super::PATIENCE),
        None if error.kind() == io::ErrorKind::UnexpectedEof => Failure::Tls(Fault::NotTls),
        None => Failure::Tls(Fault::Other(error.to_string())),
    }
}

/// The strict verifier, whose refusals become a [`Fault`].
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
fn fault_of(error: &Error, end: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Fault {
    use CertificateError as E;
    let Error::InvalidCertificate(reason) = error else {
        return Fault::Other(error.to_string());
    };
    match reason {
        E::Expired | E::ExpiredContext { .. } => Fault::Expired(error.to_string()),
        E::NotValidYet | E::NotValidYetContext { .. } => Fault::NotYet(error.to_string()),
        E::NotValidForNameContext { presented, .. } => Fault::WrongName(presented.clone()),
        E::NotValidForName => Fault::WrongName(Vec::new()),
        // A certificate that signs itself is refused in several ways, by what else it says.
        _ => end_of_chain(end, others).unwrap_or_else(|| Fault::Other(error.to_string())),
    }
}

/// Goes from the server's certificate up as far as the ones that were sent lead.
fn end_of_chain(end: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Option<Fault> {
    let certs = std::iter::once(end).chain(others);
    let names: Vec<_> = certs.filter_map(names_of).collect();
    let (subject, issuer) = names.first()?;
    let mut issuer = issuer;
    if subject == issuer {
        return Some(Fault::SelfSigned);
    }
    // Each step leads to another certificate, so there are no more of them than certificates.
    for _ in others {
        match names.iter().find(|(subject, _)| subject == issuer) {
            Some((subject, above)) if subject == above => {
                return Some(Fault::UnknownAuthority(common_name(issuer)));
            }
            Some((_, above)) => issuer = above,
            None => break,
        }
    }
    Some(Fault::Gap(common_name(issuer)))
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

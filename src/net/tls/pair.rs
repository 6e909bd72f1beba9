//! A certificate and its key in two files: read, and what is wrong with them in a sentence each.
//!
//! What cannot work is refused. What somebody will wonder about, such as a chain that only some
//! clients can complete, is a doubt. Absent: when the files are looked at, and the clock.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;

/// No file of this kind is longer: a chain has a few certificates of a few KiB.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Reading, or changing, by those who are neither the owner nor of the group (chmod(2)).
const OTHERS: u32 = 0o006;
/// After every certificate's end (RFC 5280, section 4.1.2.5: the year has four digits).
const NEVER: Duration = Duration::from_secs(253_402_300_800);

/// Where the two lie.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// `--tls-cert`
    pub(crate) cert: PathBuf,
    /// `--tls-key`
    pub(crate) key: PathBuf,
}

/// A pair that can be used.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    /// From when on until when it is valid: seconds since 1970, 0 and none where it does not end.
    pub(super) from_s: u64,
    pub(super) until_s: Option<u64>,
    /// What somebody will wonder about, a sentence each.
    pub(super) doubts: Vec<String>,
}

/// Why there is no pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// One of the two is not there: it may come.
    Absent(String),
    /// They are there and cannot be used.
    Wrong(String),
}

impl Files {
    /// Reads both; `name` is the server's, if it was told.
    pub(super) fn load(
        &self,
        provider: &CryptoProvider,
        name: Option<&str>,
    ) -> Result<Pair, Trouble> {
        let (cert, key) = (self.cert.display(), self.key.display());
        let text = read(&self.cert, "--tls-cert")?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
            .collect::<Result<_, _>>()
            .map_err(|error| {
                Trouble::Wrong(format!("--tls-cert {cert} is no sound PEM file: {error}"))
            })?;
        let secret = self.read_key()?;
        if chain.is_empty() {
            let swapped = PrivateKeyDer::from_pem_slice(&text).is_ok();
            let advice = match swapped {
                true => ", but a key: are --tls-cert and --tls-key the wrong way round?",
                false => ": it begins with BEGIN CERTIFICATE",
            };
            return Err(Trouble::Wrong(format!(
                "--tls-cert {cert} holds no certificate in PEM form{advice}"
            )));
        }
        let secret = PrivateKeyDer::from_pem_slice(&secret).map_err(|_| {
            Trouble::Wrong(format!(
                "--tls-key {key} holds no private key in PEM form; one with a password cannot be \
                 used"
            ))
        })?;
        let signer = provider.key_provider.load_private_key(secret);
        let signer = signer.map_err(|_| {
            Trouble::Wrong(format!(
                "--tls-key {key} is of a kind that is not supported: RSA from 2048 bits on, ECDSA \
                 with P-256, P-384, Ed25519 are"
            ))
        })?;
        let pair = CertifiedKey::new(chain, signer);
        let chain = pair.cert.clone();
        let facts = Facts::of(&chain).map_err(|error| {
            Trouble::Wrong(format!(
                "--tls-cert {cert}: its first certificate cannot be read: {error}"
            ))
        })?;
        if pair.keys_match()
            == Err(rustls::Error::InconsistentKeys(
                rustls::InconsistentKeys::KeyMismatch,
            ))
        {
            return Err(Trouble::Wrong(format!(
                "--tls-key {key} is not the key of the certificate in {cert}"
            )));
        }
        Ok(Pair {
            key: Arc::new(pair),
            from_s: facts.from_s,
            until_s: facts.until_s,
            doubts: self.doubts(&facts, name),
        })
    }

    fn read_key(&self) -> Result<Vec<u8>, Trouble> {
        let key = self.key.display();
        if let Ok(metadata) = std::fs::metadata(&self.key) {
            let mode = metadata.permissions().mode() & 0o777;
            if mode & OTHERS != 0 {
                return Err(Trouble::Wrong(format!(
                    "--tls-key {key} can be read by others (its mode is {mode:04o}): chmod 0640 \
                     {key}"
                )));
            }
        }
        read(&self.key, "--tls-key")
    }

    fn doubts(&self, facts: &Facts, name: Option<&str>) -> Vec<String> {
        let cert = self.cert.display();
        let mut doubts = Vec::new();
        match facts.chain {
            Chain::Whole => (),
            Chain::Alone => doubts.push(format!(
                "--tls-cert {cert} holds the server's certificate alone, without the one that \
                 signed it: phones will not know who that is; certbot's file is fullchain.pem"
            )),
            Chain::Broken => doubts.push(format!(
                "--tls-cert {cert}: the certificates do not sign each other in the order in which \
                 they stand: first the server's, then the one that signed it, and so on"
            )),
            Chain::SelfSigned => doubts.push(format!(
                "--tls-cert {cert} signs itself: browsers warn of it, and mini programs do not \
                 connect"
            )),
        }
        if let Some(name) = name
            && !facts.is_valid_for(name)
        {
            doubts.push(format!(
                "--tls-cert {cert} is not for {name}, the name in --public-url, but for {}",
                match facts.names.is_empty() {
                    true => "no name at all".to_owned(),
                    false => facts.names.join(", "),
                }
            ));
        }
        doubts
    }
}

fn read(path: &Path, flag: &str) -> Result<Vec<u8>, Trouble> {
    let shown = path.display();
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
    match read.map_err(|error| (error.kind(), error)) {
        Ok(_) => Ok(bytes),
        Err((io::ErrorKind::NotFound, _)) => {
            Err(Trouble::Absent(format!("{flag} {shown} is not there yet")))
        }
        Err((io::ErrorKind::PermissionDenied, error)) => Err(Trouble::Wrong(format!(
            "{flag} {shown} cannot be read: {error}; this user, or a group of its own, needs the \
             right to"
        ))),
        Err((_, error)) => Err(Trouble::Wrong(format!(
            "{flag} {shown} cannot be read: {error}"
        ))),
    }
}

/// What stands in the certificates.
struct Facts<'a> {
    leaf: webpki::EndEntityCert<'a>,
    chain: Chain,
    names: Vec<String>,
    from_s: u64,
    until_s: Option<u64>,
}

/// Whether each certificate is signed by the next one, by what they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chain {
    Whole,
    Alone,
    Broken,
    SelfSigned,
}

impl<'a> Facts<'a> {
    fn of(chain: &'a [CertificateDer<'_>]) -> Result<Self, webpki::Error> {
        let certs = chain.iter().map(webpki::EndEntityCert::try_from);
        let mut certs = certs.collect::<Result<Vec<_>, _>>()?;
        let signed = |pair: &[webpki::EndEntityCert<'_>]| match pair {
            [one, next] => one.issuer() == next.subject(),
            _ => true,
        };
        let kind = match certs.as_slice() {
            [one] if one.issuer() == one.subject() => Chain::SelfSigned,
            [_] => Chain::Alone,
            several if several.windows(2).all(signed) => Chain::Whole,
            _ => Chain::Broken,
        };
        if certs.is_empty() {
            return Err(webpki::Error::BadDer);
        }
        let leaf = certs.swap_remove(0);
        let names = leaf.valid_dns_names().map(str::to_owned).collect();
        let from_s = match validity_at(&leaf, Duration::ZERO) {
            Some(webpki::Error::CertNotValidYet { not_before, .. }) => not_before.as_secs(),
            _ => 0,
        };
        let until_s = match validity_at(&leaf, NEVER) {
            Some(webpki::Error::CertExpired { not_after, .. }) => Some(not_after.as_secs()),
            _ => None,
        };
        Ok(Self {
            leaf,
            chain: kind,
            names,
            from_s,
            until_s,
        })
    }

    fn is_valid_for(&self, name: &str) -> bool {
        ServerName::try_from(name)
            .is_ok_and(|name| self.leaf.verify_is_valid_for_subject_name(&name).is_ok())
    }
}

/// What is wrong with a certificate at a time. Its validity is looked at before who signed it, and
/// is told in the error: nothing else here reads it.
fn validity_at(leaf: &webpki::EndEntityCert<'_>, time: Duration) -> Option<webpki::Error> {
    let verified = leaf.verify_for_usage(
        &[],
        &[],
        &[],
        UnixTime::since_unix_epoch(time),
        webpki::KeyUsage::server_auth(),
        None,
        None,
    );
    verified.err()
}

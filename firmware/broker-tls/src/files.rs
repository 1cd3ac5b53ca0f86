//! The files of `[broker]`, read and turned into what rustls needs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::{ClientConfig, InconsistentKeys, RootCertStore};

use crate::certificate::Certificate;
use crate::date::Seconds;

/// A certificate that ends within so many days is a problem for `check`.
const DAYS_TO_RENEW: i64 = 21;

/// Which files TLS needs. With none there is no TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// `broker.ca-file`: certificates of the authorities that may have issued the broker's.
    pub authority: PathBuf,
    /// What this machine shows of itself.
    pub identity: Option<Identity>,
    /// `broker.crl-file`: the authority's list of revoked certificates.
    pub revoked: Option<PathBuf>,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `broker.certificate-file`, with the authorities between it and the broker's, if any.
    pub certificate: PathBuf,
    /// `broker.key-file`.
    pub key: PathBuf,
}

/// A file that cannot be used: which, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} {}: {problem}", file.display())]
pub struct TlsError {
    key: &'static str,
    file: PathBuf,
    problem: String,
}

pub(crate) const CA: &str = "broker.ca-file";
pub(crate) const CERTIFICATE: &str = "broker.certificate-file";
pub(crate) const KEY: &str = "broker.key-file";
pub(crate) const CRL: &str = "broker.crl-file";

impl TlsFiles {
    /// What the keys of `[broker]` amount to; an error if one is given without another that it needs.
    pub fn from_keys(
        ca: Option<&Path>,
        certificate: Option<&Path>,
        key: Option<&Path>,
        crl: Option<&Path>,
    ) -> Result<Option<Self>, String> {
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => {
                Some(Identity { certificate: certificate.to_owned(), key: key.to_owned() })
            }
            (None, None) => None,
            (Some(_), None) => return Err(format!("`{CERTIFICATE}` is given without `{KEY}` (name its key)")),
            (None, Some(_)) => return Err(format!("`{KEY}` is given without `{CERTIFICATE}` (name its certificate)")),
        };
        let Some(ca) = ca else {
            let given = if identity.is_some() { CERTIFICATE } else { CRL };
            return match identity.is_some() || crl.is_some() {
                true => {
                    Err(format!("`{given}` is given without `{CA}` (name the authority of the broker's certificate)"))
                }
                false => Ok(None),
            };
        };
        Ok(Some(Self { authority: ca.to_owned(), identity, revoked: crl.map(Path::to_owned) }))
    }

    /// Reads the files as they are now.
    pub fn read(&self) -> Result<ClientConfig, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(CA, &self.authority)? {
            roots
                .add(certificate)
                .map_err(|error| problem(CA, &self.authority, format!("{error} (is it damaged?)")))?;
        }
        let provider = Arc::new(ring::default_provider());
        let mut verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        if let Some(file) = &self.revoked {
            let lists = items::<CertificateRevocationListDer<'static>>(CRL, file, "X509 CRL")?;
            // The list is of the authority that issued the broker's certificate, not of those above it.
            verifier = verifier.with_crls(lists).only_check_end_entity_revocation();
        }
        let (key, file) = self.revoked.as_ref().map_or((CA, &self.authority), |file| (CRL, file));
        let verifier = verifier.build().map_err(|error| {
            problem(
                key,
                file,
                format!("{error} (give PEM; a list needs version 2 and a number, see docs/mosquitto.md)"),
            )
        })?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| problem(CA, &self.authority, error.to_string()))?
            .with_webpki_verifier(verifier);
        let Some(identity) = &self.identity else { return Ok(config.with_no_client_auth()) };
        let chain = certificates(CERTIFICATE, &identity.certificate)?;
        let key = private_key(KEY, &identity.key)?;
        config
            .with_client_auth_cert(chain, key)
            .map_err(|error| problem(KEY, &identity.key, unfit_key(&error, &identity.certificate)))
    }

    /// For `check`: whose certificates these are and how long they last at `now`, or what must be done about them.
    pub fn describe(&self, now_seconds: i64) -> Result<String, String> {
        self.read().map_err(|error| error.to_string())?;
        let now = Seconds(now_seconds);
        let mut said = format!("trusts {}", validity(CA, &self.authority, now)?);
        if let Some(identity) = &self.identity {
            open_to_all(KEY, &identity.key)?;
            said += &format!("; shows {}", validity(CERTIFICATE, &identity.certificate, now)?);
        }
        Ok(said)
    }

    /// Until when the certificates are valid, as far as they can be read: the key that names each file, and seconds since
    /// 1970.
    #[must_use]
    pub fn ends(&self) -> Vec<(&'static str, i64)> {
        let own = self.identity.as_ref().map(|identity| (CERTIFICATE, &identity.certificate));
        [(CA, &self.authority)]
            .into_iter()
            .chain(own)
            .filter_map(|(key, file)| {
                // The first, as in `check`.
                let first = certificates(key, file).ok()?.into_iter().next()?;
                Some((key, Certificate::from_der(&first)?.not_after.0))
            })
            .collect()
    }

    /// When the own certificate ends, for error texts.
    pub(crate) fn own_end(&self) -> Option<String> {
        let identity = self.identity.as_ref()?;
        let first = certificates(CERTIFICATE, &identity.certificate).ok()?.into_iter().next()?;
        Certificate::from_der(&first).map(|certificate| certificate.not_after.to_string())
    }
}

pub(crate) fn validity(key: &'static str, file: &Path, now: Seconds) -> Result<String, String> {
    // The first is the machine's own, or the one authority that is meant; others lie between.
    let first = certificates(key, file).map_err(|error| error.to_string())?.into_iter().next();
    let Some(certificate) = first.and_then(|der| Certificate::from_der(&der)) else {
        return Err(format!("{key} {}: cannot be read (is it damaged?)", file.display()));
    };
    let (start, end) = (certificate.not_before, certificate.not_after);
    let days = end.days_after(now);
    let name = certificate.common_name.unwrap_or_else(|| "without a common name".to_owned());
    if end < now {
        return Err(format!("{key} {}: has expired on {end} (renew it; no restart is needed)", file.display()));
    }
    if now < start {
        return Err(format!("{key} {}: is valid from {start} only (is the clock right?)", file.display()));
    }
    if days < DAYS_TO_RENEW {
        return Err(format!(
            "{key} {}: ends in {days} days, on {end} (renew it; no restart is needed)",
            file.display()
        ));
    }
    Ok(format!("{name} until {end}, {days} days"))
}

pub(crate) fn private_key(key: &'static str, file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&bytes(key, file)?)
        .map_err(|_| problem(key, file, "holds no private key (give it as PEM, without a pass phrase)".to_owned()))
}

pub(crate) fn unfit_key(error: &rustls::Error, certificate: &Path) -> String {
    if *error == rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
        format!("is not the key of {} (replace both files together)", certificate.display())
    } else {
        format!("{error} (give a PKCS #8, RSA or EC key as PEM)")
    }
}

#[cfg(unix)]
pub(crate) fn open_to_all(key: &str, file: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(file).map(|data| data.permissions().mode()).unwrap_or_default();
    if mode & 0o007 == 0 {
        return Ok(());
    }
    Err(format!("{key} {}: everybody on this machine may read it (chmod 0600, or 0640 with a group)", file.display()))
}

#[cfg(not(unix))]
pub(crate) fn open_to_all(_: &str, _: &Path) -> Result<(), String> {
    Ok(())
}

pub(crate) fn certificates(key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    items(key, file, "CERTIFICATE")
}

pub(crate) fn items<T: PemObject>(key: &'static str, file: &Path, label: &str) -> Result<Vec<T>, TlsError> {
    let bytes = bytes(key, file)?;
    let read: Result<Vec<T>, pem::Error> = T::pem_slice_iter(&bytes).collect();
    match read {
        Ok(items) if !items.is_empty() => Ok(items),
        Ok(_) | Err(_) => {
            Err(problem(key, file, format!("holds none (it should be PEM and begin with -----BEGIN {label}-----)")))
        }
    }
}

fn bytes(key: &'static str, file: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(file).map_err(|error| {
        problem(key, file, format!("cannot be read: {error} (correct the path, or let this program's user read it)"))
    })
}

pub(crate) fn problem(key: &'static str, file: &Path, problem: String) -> TlsError {
    TlsError { key, file: file.to_owned(), problem }
}

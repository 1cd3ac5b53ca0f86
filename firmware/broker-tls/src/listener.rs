//! TLS for a port on which others call: files to what rustls needs, and why a caller did not get in.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{AlertDescription, CertificateError, RootCertStore, ServerConfig};

use crate::date::Seconds;
use crate::explain::{Cause, cause};
use crate::files::{Identity, TlsError, certificates, items, open_to_all, private_key, problem, unfit_key, validity};

/// What the files are called in a table of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerKeys {
    /// Such as `dicom.certificate-file`.
    pub certificate: &'static str,
    /// Its key.
    pub key: &'static str,
    /// The authority of the callers' certificates.
    pub ca: &'static str,
    /// Its list of revoked ones.
    pub crl: &'static str,
}

/// The files of a port that speaks TLS. They are read anew for every connection, so that a renewed certificate needs no
/// restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerFiles {
    keys: ListenerKeys,
    identity: Identity,
    /// Who may have issued the callers' certificates; absent: a caller need not have one.
    authority: Option<PathBuf>,
    revoked: Option<PathBuf>,
}

impl ListenerFiles {
    /// What the keys of a table amount to; an error if one is given without another that it needs.
    pub fn from_keys(
        keys: ListenerKeys,
        certificate: Option<&Path>,
        key: Option<&Path>,
        ca: Option<&Path>,
        crl: Option<&Path>,
    ) -> Result<Option<Self>, String> {
        let without =
            |given: &str, needed: &str| Err(format!("`{given}` is given without `{needed}` (name both files)"));
        let (certificate, key) = match (certificate, key) {
            (Some(certificate), Some(key)) => (certificate, key),
            (Some(_), None) => return without(keys.certificate, keys.key),
            (None, Some(_)) => return without(keys.key, keys.certificate),
            (None, None) => {
                return match (ca, crl) {
                    (Some(_), _) => without(keys.ca, keys.certificate),
                    (None, Some(_)) => without(keys.crl, keys.certificate),
                    (None, None) => Ok(None),
                };
            }
        };
        if crl.is_some() && ca.is_none() {
            return without(keys.crl, keys.ca);
        }
        let identity = Identity { certificate: certificate.to_owned(), key: key.to_owned() };
        Ok(Some(Self { keys, identity, authority: ca.map(Path::to_owned), revoked: crl.map(Path::to_owned) }))
    }

    /// Reads the files as they are now.
    pub fn read(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let keys = self.keys;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| problem(keys.certificate, &self.identity.certificate, error.to_string()))?;
        let builder = match &self.authority {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(keys.ca, authority)? {
                    let unfit = |error: rustls::Error| problem(keys.ca, authority, format!("{error} (is it damaged?)"));
                    roots.add(certificate).map_err(unfit)?;
                }
                let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                if let Some(file) = &self.revoked {
                    let lists = items::<CertificateRevocationListDer<'static>>(keys.crl, file, "X509 CRL")?;
                    verifier = verifier.with_crls(lists).only_check_end_entity_revocation();
                }
                let verifier = verifier.build().map_err(|error| {
                    problem(keys.ca, authority, format!("{error} (give PEM; a list needs version 2 and a number)"))
                })?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let chain = certificates(keys.certificate, &self.identity.certificate)?;
        let key = private_key(keys.key, &self.identity.key)?;
        let config = builder
            .with_single_cert(chain, key)
            .map_err(|error| problem(keys.key, &self.identity.key, unfit_key(&error, &self.identity.certificate)))?;
        Ok(Arc::new(config))
    }

    /// For `check`: whose certificate is shown and how long it lasts at `now`, or what must be done about the files.
    pub fn describe(&self, now_seconds: i64) -> Result<String, String> {
        self.read().map_err(|error| error.to_string())?;
        let now = Seconds(now_seconds);
        open_to_all(self.keys.key, &self.identity.key)?;
        let mut said = format!("shows {}", validity(self.keys.certificate, &self.identity.certificate, now)?);
        match &self.authority {
            Some(authority) => said += &format!("; callers need one of {}", validity(self.keys.ca, authority, now)?),
            None => said += &format!("; callers need none ({} is not set)", self.keys.ca),
        }
        Ok(said)
    }

    /// Why a caller did not get in, with the remedy.
    #[must_use]
    pub fn explain(&self, error: &(dyn Error + 'static)) -> String {
        match cause(error) {
            Some(Cause::Tls(error)) => self.explain_tls(error),
            Some(Cause::Closed) => format!(
                "it ended the connection while TLS was being set up (does it trust the authority of {}?)",
                self.keys.certificate
            ),
            None => "TLS could not be set up in time".to_owned(),
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "rustls says the rest in its own words")]
    fn explain_tls(&self, error: &rustls::Error) -> String {
        let ListenerKeys { certificate, ca, crl, .. } = self.keys;
        match error {
            rustls::Error::NoCertificatesPresented => {
                format!(
                    "it shows no certificate (give it one of the authority in {ca}, or remove {ca} if none is wanted)"
                )
            }
            rustls::Error::InvalidCertificate(error) => match error {
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    format!("its certificate was not issued by the authority in {ca} (let that one issue it)")
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "its certificate has expired (renew it there; or is this machine's clock wrong?)".to_owned()
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "its certificate is not valid yet (is this machine's clock right?)".to_owned()
                }
                CertificateError::Revoked => format!("its certificate is revoked by {crl} (give it a new one)"),
                CertificateError::UnknownRevocationStatus => {
                    format!("{crl} is not of the authority that issued its certificate (give that one's list)")
                }
                other => format!("its certificate is not accepted: {other}"),
            },
            rustls::Error::AlertReceived(
                AlertDescription::UnknownCA | AlertDescription::BadCertificate | AlertDescription::CertificateUnknown,
            ) => format!("it does not trust {certificate} (give it the certificate of the authority that issued that)"),
            rustls::Error::AlertReceived(AlertDescription::CertificateExpired) => {
                format!("it says that {certificate} has expired (renew it; no restart is needed)")
            }
            rustls::Error::AlertReceived(alert) => format!("it ended TLS with {alert:?} (its log says why)"),
            rustls::Error::InvalidMessage(_) => {
                format!("it does not speak TLS (switch TLS on there, or remove {certificate})")
            }
            rustls::Error::PeerIncompatible(_) => {
                "it speaks no TLS that is safe enough (TLS 1.2 or 1.3 with a modern cipher; update it)".to_owned()
            }
            other => format!("TLS failed: {other}"),
        }
    }
}

impl fmt::Display for ListenerFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.keys.certificate, self.identity.certificate.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: ListenerKeys = ListenerKeys {
        certificate: "dicom.certificate-file",
        key: "dicom.key-file",
        ca: "dicom.ca-file",
        crl: "dicom.crl-file",
    };

    #[test]
    fn keys_need_each_other() {
        let file = Some(Path::new("/t/f.pem"));
        let of = |certificate, key, ca, crl| ListenerFiles::from_keys(KEYS, certificate, key, ca, crl);
        assert_eq!(of(None, None, None, None), Ok(None));
        assert!(of(file, file, None, None).unwrap().is_some());
        for (given, words) in [
            (of(file, None, None, None), ["dicom.certificate-file", "without `dicom.key-file`"]),
            (of(None, file, None, None), ["dicom.key-file", "without `dicom.certificate-file`"]),
            (of(None, None, file, None), ["dicom.ca-file", "without `dicom.certificate-file`"]),
            (of(file, file, None, file), ["dicom.crl-file", "without `dicom.ca-file`"]),
        ] {
            let error = given.unwrap_err();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }

    #[test]
    fn what_went_wrong_names_the_file_and_the_remedy() {
        let files =
            ListenerFiles::from_keys(KEYS, Some(Path::new("c")), Some(Path::new("k")), Some(Path::new("a")), None);
        let files = files.unwrap().unwrap();
        let plain = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        for (error, words) in [
            (rustls::Error::NoCertificatesPresented, ["no certificate", "dicom.ca-file"]),
            (rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer), ["not issued by", "dicom.ca-file"]),
            (rustls::Error::InvalidCertificate(CertificateError::Expired), ["expired", "renew"]),
            (rustls::Error::InvalidCertificate(CertificateError::Revoked), ["revoked", "dicom.crl-file"]),
            (rustls::Error::AlertReceived(AlertDescription::UnknownCA), ["does not trust", "dicom.certificate-file"]),
            (plain, ["does not speak TLS", "dicom.certificate-file"]),
        ] {
            let wrapped = std::io::Error::other(error);
            let said = files.explain(&wrapped);
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
    }
}

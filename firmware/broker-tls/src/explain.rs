//! Why a TLS connection failed, in words that name the file and the remedy.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError};

use crate::files::{CA, CERTIFICATE, CRL, KEY, TlsFiles};

impl TlsFiles {
    /// What an error of the connection to `host` means, if TLS has to do with it. `answered` says whether the broker had
    /// let this machine in before.
    #[must_use]
    pub fn explain(&self, host: &str, error: &(dyn Error + 'static), answered: bool) -> Option<String> {
        match cause(error) {
            Some(Cause::Tls(error)) => Some(self.explain_tls(host, error)),
            // With TLS 1.3 a broker judges a certificate after the handshake, and its alert may be lost with the connection.
            Some(Cause::Closed) if !answered => Some(match (&self.identity, self.own_end()) {
                (Some(identity), Some(end)) => format!(
                    "the broker closed the connection without an answer; it may refuse {CERTIFICATE} {}, which is valid \
                     until {end} (its log says why; or is broker.port not its port for TLS?)",
                    identity.certificate.display()
                ),
                _ => format!(
                    "the broker closed the connection without an answer; it may ask for a certificate (set {CERTIFICATE} and \
                     {KEY}; or is broker.port not its port for TLS?)"
                ),
            }),
            Some(Cause::Closed) => Some("the broker closed the connection".to_owned()),
            None => None,
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "rustls says the rest in its own words")]
    fn explain_tls(&self, host: &str, error: &rustls::Error) -> String {
        let authority = self.authority.display();
        let revoked = self.revoked.as_deref().unwrap_or(&self.authority).display();
        match error {
            rustls::Error::InvalidCertificate(error) => match error {
                CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
                    "the broker's certificate was not issued by the authority in {CA} {authority} (give the certificate of \
                     the authority that did, or find out who answers at {host})"
                ),
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "the broker's certificate has expired (renew it at the broker; or is this machine's clock wrong?)"
                        .to_owned()
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "the broker's certificate is not valid yet (is this machine's clock right?)".to_owned()
                }
                CertificateError::Revoked => {
                    format!("the broker's certificate is revoked by {CRL} {revoked} (give the broker a new one)")
                }
                CertificateError::UnknownRevocationStatus => format!(
                    "{CRL} {revoked} is not of the authority that issued the broker's certificate (give that one's list)"
                ),
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => format!(
                    "the broker's certificate is not for {host} (set broker.host to a name in it, or issue it for this name)"
                ),
                other => format!("the broker's certificate is not accepted: {other} (renew it at the broker)"),
            },
            rustls::Error::AlertReceived(alert) => self.explain_alert(*alert),
            rustls::Error::InvalidMessage(_) => {
                "what answers does not speak TLS (is broker.port the one for TLS?)".to_owned()
            }
            other => format!("TLS failed: {other}"),
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other alerts have one answer")]
    fn explain_alert(&self, alert: AlertDescription) -> String {
        let Some(identity) = &self.identity else {
            return match alert {
                AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure => {
                    format!("the broker asks for a certificate (set {CERTIFICATE} and {KEY})")
                }
                other => format!("the broker ended TLS with {other:?} (its log says why)"),
            };
        };
        let own = format!("{CERTIFICATE} {}", identity.certificate.display());
        match alert {
            AlertDescription::CertificateExpired => {
                let end = self.own_end().map(|end| format!(", on {end}")).unwrap_or_default();
                format!("the broker refuses {own}: it has expired{end} (renew it; no restart is needed)")
            }
            AlertDescription::CertificateRevoked => {
                format!("the broker refuses {own}: it is revoked (get a new one; no restart is needed)")
            }
            AlertDescription::UnknownCA | AlertDescription::DecryptError => format!(
                "the broker refuses {own}: it does not know the authority that issued it (let the broker's own authority \
                 issue one; no restart is needed)"
            ),
            other => format!("the broker refuses {own}: {other:?} (the broker's log says why)"),
        }
    }
}

pub(crate) enum Cause<'e> {
    Tls(&'e rustls::Error),
    Closed,
}

/// Whether TLS has failed, and not only the connection under it.
#[must_use]
pub fn is_of_tls(error: &(dyn Error + 'static)) -> bool {
    matches!(cause(error), Some(Cause::Tls(_)))
}

/// Looks through the layers of an error; an `io::Error` hides what it carries from `source`.
pub(crate) fn cause<'e>(error: &'e (dyn Error + 'static)) -> Option<Cause<'e>> {
    let mut next = Some(error);
    let mut closed = None;
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(Cause::Tls(error));
        }
        next = match error.downcast_ref::<io::Error>() {
            Some(error) => {
                let ended = [
                    io::ErrorKind::ConnectionReset,
                    io::ErrorKind::ConnectionAborted,
                    io::ErrorKind::BrokenPipe,
                    io::ErrorKind::UnexpectedEof,
                ];
                if ended.contains(&error.kind()) {
                    closed = Some(Cause::Closed);
                }
                error.get_ref().map(|inner| inner as &(dyn Error + 'static))
            }
            None => error.source(),
        };
    }
    closed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;

    fn explain(error: rustls::Error) -> String {
        let files = TlsFiles {
            authority: "/t/ca.pem".into(),
            identity: Some(Identity { certificate: "/t/th-1.pem".into(), key: "/t/th-1.key".into() }),
            revoked: Some("/t/revoked.crl".into()),
        };
        // As tokio-rustls and rumqttc wrap it.
        let error = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error));
        files.explain("broker.example", &error, false).unwrap()
    }

    #[test]
    fn each_reason_names_the_file_and_what_to_do() {
        for (error, parts) in [
            (
                rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer),
                ["/t/ca.pem", "(give the certificate of"],
            ),
            (
                rustls::Error::InvalidCertificate(CertificateError::Expired),
                ["the broker's certificate has expired", "renew"],
            ),
            (rustls::Error::InvalidCertificate(CertificateError::Revoked), ["revoked by", "/t/revoked.crl"]),
            (
                rustls::Error::InvalidCertificate(CertificateError::NotValidForName),
                ["not for broker.example", "broker.host"],
            ),
            (rustls::Error::AlertReceived(AlertDescription::CertificateExpired), ["/t/th-1.pem", "has expired"]),
            (rustls::Error::AlertReceived(AlertDescription::CertificateRevoked), ["/t/th-1.pem", "is revoked"]),
            (rustls::Error::AlertReceived(AlertDescription::UnknownCA), ["/t/th-1.pem", "does not know the authority"]),
        ] {
            let text = explain(error);
            assert!(parts.iter().all(|part| text.contains(part)), "{text} should say {parts:?}");
        }
    }

    #[test]
    fn a_lost_connection_is_laid_to_tls_only_before_the_broker_has_answered() {
        let files = TlsFiles { authority: "/t/ca.pem".into(), identity: None, revoked: None };
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert!(files.explain("b", &reset, false).unwrap().contains("may ask for a certificate"));
        assert_eq!(files.explain("b", &reset, true).as_deref(), Some("the broker closed the connection"));
        assert_eq!(files.explain("b", &io::Error::from(io::ErrorKind::ConnectionRefused), false), None);
    }
}

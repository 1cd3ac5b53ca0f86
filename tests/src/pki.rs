//! Certificates made for one test: an authority, what it issued, and what it took back.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber, date_time_ymd,
};

/// Whether a certificate's time has passed; far from today on both sides, so that no test reads a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// From 2020 to 2099.
    Now,
    /// The year 2020.
    Past,
}

/// Who issues certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub pem: String,
}

/// A certificate with its key.
#[derive(Debug)]
pub struct Issued {
    serial: u64,
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// A new one; two of the same name differ in their keys.
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = params(name, Vec::new(), Validity::Now);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A client's certificate; its common name is the MQTT user.
    pub fn client(&self, user: &str, serial: u64, validity: Validity) -> Issued {
        self.issue(params(user, Vec::new(), validity), serial, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// The broker's certificate, for `127.0.0.1` and `localhost`.
    pub fn broker(&self, serial: u64, validity: Validity) -> Issued {
        let hosts = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        self.issue(params("broker", hosts, validity), serial, ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn issue(&self, mut params: CertificateParams, serial: u64, usage: ExtendedKeyUsagePurpose) -> Issued {
        let key = KeyPair::generate().expect("a key");
        params.serial_number = Some(SerialNumber::from(serial));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Issued { serial, certificate, key: key.serialize_pem() }
    }

    /// The list of what is revoked.
    pub fn revocation_list(&self, revoked: &[&Issued], number: u64) -> String {
        let revoked_certs = revoked.iter().map(|issued| RevokedCertParams {
            serial_number: SerialNumber::from(issued.serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(2099, 1, 1),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).expect("a list").pem().expect("PEM")
    }
}

impl Issued {
    /// Writes `{name}.pem` and `{name}.key`, over what is there.
    pub fn write(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
        std::fs::write(&certificate, &self.certificate).expect("written");
        std::fs::write(&key, &self.key).expect("written");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("its owner's alone");
        (certificate, key)
    }
}

fn params(name: &str, hosts: Vec<String>, validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::new(hosts).expect("host names");
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = match validity {
        Validity::Now => (date_time_ymd(2020, 1, 1), date_time_ymd(2099, 1, 1)),
        Validity::Past => (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1)),
    };
    params
}

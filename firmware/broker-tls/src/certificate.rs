//! What people need to know of a certificate: whose it is and until when. It is not judged here; rustls does that.
//!
//! ```text
//! Certificate ::= SEQUENCE { tbs, ... }
//! tbs ::= SEQUENCE { [0] version, serial, algorithm, issuer, SEQUENCE { not before, not after }, subject, ... }
//! ```

use crate::date::Seconds;

const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// Whose a certificate is and when it is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The common name, which brokers take for the MQTT user.
    pub(crate) common_name: Option<String>,
    pub(crate) not_before: Seconds,
    pub(crate) not_after: Seconds,
}

impl Certificate {
    /// Reads DER; `None` for what is no certificate.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        let mut outer = Der(der);
        let mut fields = Der(Der(outer.expect(SEQUENCE)?).expect(SEQUENCE)?);
        if fields.0.first() == Some(&VERSION) {
            fields.expect(VERSION)?;
        }
        fields.expect(INTEGER)?;
        fields.expect(SEQUENCE)?;
        fields.expect(SEQUENCE)?;
        let mut validity = Der(fields.expect(SEQUENCE)?);
        let not_before = validity.time()?;
        let not_after = validity.time()?;
        let common_name = common_name(fields.expect(SEQUENCE)?);
        Some(Self { common_name, not_before, not_after })
    }
}

fn common_name(subject: &[u8]) -> Option<String> {
    let mut sets = Der(subject);
    while let Some(set) = sets.expect(SET) {
        let mut pair = Der(Der(set).expect(SEQUENCE)?);
        if pair.expect(OBJECT_IDENTIFIER)? == COMMON_NAME {
            let (_, value) = pair.next()?;
            return std::str::from_utf8(value).ok().map(str::to_owned);
        }
    }
    None
}

/// Bytes that are elements one after the other: tag, length, content.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (len, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            // The number of bytes that hold the length; no certificate needs more than four.
            long @ 0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(long - 0x80))?;
                (bytes.iter().fold(0_usize, |len, byte| len << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((*tag, content))
    }

    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    /// `YYMMDDHHMMSSZ`, the year from 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
    fn time(&mut self) -> Option<Seconds> {
        let (tag, text) = self.next()?;
        let digits: Vec<i64> = text.strip_suffix(b"Z")?.iter().map(|b| i64::from(b.wrapping_sub(b'0'))).collect();
        if digits.iter().any(|digit| *digit > 9) {
            return None;
        }
        let number = |digits: &[i64]| digits.iter().fold(0, |number, digit| number * 10 + digit);
        let (year, rest) = match tag {
            UTC_TIME => {
                let (year, rest) = digits.split_at_checked(2)?;
                (if number(year) < 50 { 2000 } else { 1900 } + number(year), rest)
            }
            GENERALIZED_TIME => digits.split_at_checked(4).map(|(year, rest)| (number(year), rest))?,
            _ => return None,
        };
        let [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map(|at| rest.get(at..at + 2).map(number));
        Seconds::from_civil(year, month?, day?, (hour? * 60 + minute?) * 60 + second?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der() -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "North Trust");
        params.distinguished_name.push(rcgen::DnType::CommonName, "th-1");
        params.not_before = rcgen::date_time_ymd(2049, 12, 31);
        params.not_after = rcgen::date_time_ymd(2051, 2, 3);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn name_and_dates_are_read_in_both_forms_of_time() {
        let read = Certificate::from_der(&der()).unwrap();
        assert_eq!(read.common_name.as_deref(), Some("th-1"));
        assert_eq!(
            (read.not_before.to_string(), read.not_after.to_string()),
            ("2049-12-31".into(), "2051-02-03".into())
        );
    }

    #[test]
    fn damaged_bytes_are_read_or_not_but_never_a_panic() {
        let der = der();
        for at in 0..der.len() {
            assert_eq!(Certificate::from_der(&der[..at]), None, "cut at {at}");
            for byte in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut damaged = der.clone();
                damaged[at] = byte;
                let _ = Certificate::from_der(&damaged);
            }
        }
    }
}

//! A proxy of the trust in front of the pages, which has signed people in and says so in headers.

use std::net::IpAddr;

use axum::http::HeaderMap;
use room_events::Label;

use super::{Person, Role};

/// The longest name that is taken from a header.
const LONGEST_NAME: usize = 64;

/// Which proxy is believed, and which of its headers say what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedProxy {
    /// The proxy's addresses; the same headers from elsewhere are not read.
    pub addresses: Vec<IpAddr>,
    /// The header that names the user, in lower case.
    pub user_header: String,
    /// The header that lists the user's groups, parted by commas or semicolons, in lower case.
    pub groups_header: String,
    /// Which role a group has; the group's own name stands beside corrections, so no person's does.
    pub groups: Vec<(Label, Role)>,
}

impl TrustedProxy {
    /// Whether a connection from there is the proxy's.
    pub fn is_at(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address.to_canonical())
    }

    /// The user that the headers name, with the highest role that a group of theirs has.
    pub(crate) fn person(&self, headers: &HeaderMap) -> Option<Person> {
        let name = single(headers, &self.user_header)?.trim();
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return None;
        }
        let said = single(headers, &self.groups_header).unwrap_or_default();
        let said: Vec<&str> = said.split([',', ';']).map(str::trim).collect();
        let (author, role) =
            self.groups.iter().filter(|(group, _)| said.contains(&group.as_str())).max_by_key(|(_, role)| *role)?;
        Some(Person { name: name.to_owned(), author: author.clone(), role: *role })
    }
}

/// A header that is there exactly once: of two, one may be the visitor's own.
fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

/// The address that the proxy saw: the last one of the list, which the proxy itself wrote.
pub(crate) fn client_behind(headers: &HeaderMap) -> Option<IpAddr> {
    let listed = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    listed.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;

    fn proxy() -> TrustedProxy {
        let group = |name: &str, role| (Label::new(name).unwrap(), role);
        TrustedProxy {
            addresses: vec!["10.0.0.1".parse().unwrap()],
            user_header: "x-remote-user".to_owned(),
            groups_header: "x-remote-groups".to_owned(),
            groups: vec![group("TT Coordinators", Role::Correct), group("TT Staff", Role::View)],
        }
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_highest_role_of_the_groups_counts_and_names_the_author() {
        let said = headers(&[("x-remote-user", "u123"), ("x-remote-groups", "Other; TT Staff, TT Coordinators")]);
        let person = proxy().person(&said).unwrap();
        assert_eq!((person.name.as_str(), person.author.as_str()), ("u123", "TT Coordinators"));
        assert_eq!(person.role, Role::Correct);
    }

    #[test]
    fn a_user_without_a_known_group_or_with_two_names_is_nobody() {
        for lines in [
            &[("x-remote-user", "u123")][..],
            &[("x-remote-user", "u123"), ("x-remote-groups", "Other")],
            &[("x-remote-groups", "TT Staff")],
            &[("x-remote-user", " "), ("x-remote-groups", "TT Staff")],
            &[("x-remote-user", "u1"), ("x-remote-user", "u2"), ("x-remote-groups", "TT Staff")],
            &[("x-remote-user", "u1"), ("x-remote-groups", "TT Staff"), ("x-remote-groups", "TT Staff")],
        ] {
            assert_eq!(proxy().person(&headers(lines)), None, "{lines:?}");
        }
    }

    #[test]
    fn the_proxy_is_known_by_its_address_in_either_form() {
        assert!(proxy().is_at("10.0.0.1".parse().unwrap()));
        assert!(proxy().is_at("::ffff:10.0.0.1".parse().unwrap()));
        assert!(!proxy().is_at("10.0.0.2".parse().unwrap()));
    }

    #[test]
    fn a_client_is_the_last_address_of_the_list() {
        let said = headers(&[("x-forwarded-for", "1.2.3.4, 10.9.8.7")]);
        assert_eq!(client_behind(&said), Some("10.9.8.7".parse().unwrap()));
        assert_eq!(client_behind(&headers(&[])), None);
    }
}

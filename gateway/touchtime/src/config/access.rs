//! `[access]`: who may look at the pages, and who may correct what they show.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use board::access::{Access, DEFAULT_REQUESTS_PER_MINUTE, Role, TrustedProxy, Viewing};
use room_events::Label;
use serde::Deserialize;

/// `[access]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AccessConfig {
    /// `anyone` or `known`: who may look; default: `known` as soon as there are people or a proxy, else `anyone`.
    pub viewing: Option<ViewingName>,
    /// File of the people and their tokens; default: none, so nobody can sign in.
    pub people_file: Option<PathBuf>,
    /// File to which sign-ins, refusals and corrections are appended; default: `access.log` in the store's folder.
    pub log_file: Option<PathBuf>,
    /// So many requests of one person, or of one address, are answered in a minute; default 1200.
    pub requests_per_minute: u32,
    /// So many connections are open at once; default 1536.
    pub connections: usize,
    /// A proxy that signs people in; default: none is believed.
    pub proxy: Option<ProxyConfig>,
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self {
            viewing: None,
            people_file: None,
            log_file: None,
            requests_per_minute: DEFAULT_REQUESTS_PER_MINUTE,
            connections: 1536,
            proxy: None,
        }
    }
}

/// Who may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewingName {
    /// Whoever reaches the pages.
    Anyone,
    /// People who are known.
    Known,
}

/// `[access.proxy]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ProxyConfig {
    /// The proxy's addresses; from elsewhere its headers are not read.
    pub addresses: Vec<IpAddr>,
    /// The header that names the user; default `x-remote-user`.
    #[serde(default = "default_user_header")]
    pub user_header: String,
    /// The header that lists the user's groups, parted by commas or semicolons; default `x-remote-groups`.
    #[serde(default = "default_groups_header")]
    pub groups_header: String,
    /// The role of each group: `view`, `correct` or `admin`. The group's name stands beside corrections.
    pub groups: BTreeMap<String, RoleName>,
}

fn default_user_header() -> String {
    "x-remote-user".to_owned()
}

fn default_groups_header() -> String {
    "x-remote-groups".to_owned()
}

/// A role by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RoleName(pub Role);

impl TryFrom<String> for RoleName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Role::from_name(&name).map(Self).ok_or_else(|| format!("there is no role `{name}` (view, correct or admin)"))
    }
}

impl AccessConfig {
    /// Whether anybody can be known at all.
    pub fn knows_people(&self) -> bool {
        self.people_file.is_some() || self.proxy.is_some()
    }

    /// The rules for the pages; the error says which key is wrong.
    pub fn access(&self) -> Result<Access, String> {
        if self.requests_per_minute == 0 || self.connections == 0 {
            let key = if self.connections == 0 { "connections" } else { "requests-per-minute" };
            return Err(format!("access.{key}: 0 lets nobody in (leave it out for the default)"));
        }
        let viewing = match self.viewing {
            Some(ViewingName::Anyone) => Viewing::Anyone,
            Some(ViewingName::Known) if !self.knows_people() => {
                return Err("access.viewing: nobody is known (add access.people-file or [access.proxy])".to_owned());
            }
            Some(ViewingName::Known) => Viewing::Known,
            None if self.knows_people() => Viewing::Known,
            None => Viewing::Anyone,
        };
        let proxy = self.proxy.as_ref().map(ProxyConfig::proxy).transpose()?;
        Ok(Access { viewing, proxy, requests_per_minute: self.requests_per_minute })
    }
}

impl ProxyConfig {
    fn proxy(&self) -> Result<TrustedProxy, String> {
        if self.addresses.is_empty() {
            return Err("access.proxy.addresses: is empty (give the address from which the proxy connects)".to_owned());
        }
        let groups = self.groups.iter().map(|(name, role)| {
            let label = Label::new(name).map_err(|error| format!("access.proxy.groups: `{name}` {error}"))?;
            Ok((label, role.0))
        });
        let header = |key: &str, name: &str| {
            let is_good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            if is_good {
                Ok(name.to_ascii_lowercase())
            } else {
                Err(format!("access.proxy.{key}: `{name}` is no name of a header (letters, digits and -)"))
            }
        };
        Ok(TrustedProxy {
            addresses: self.addresses.iter().map(IpAddr::to_canonical).collect(),
            user_header: header("user-header", &self.user_header)?,
            groups_header: header("groups-header", &self.groups_header)?,
            groups: groups.collect::<Result<_, String>>()?,
        })
    }
}

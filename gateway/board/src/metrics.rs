//! `/metrics`: how the collector and its agents are, and today's measures of each room, for Prometheus.
//!
//! Every scrape computes anew what the board shows, by the same code, so that an alert and the board never disagree. What
//! is not known has no sample: a silent room is `unknown` and a rate that cannot be given is absent, never 0.

mod catalogue;
mod exposition;
mod health;
mod rooms;

use crate::live::today;
use crate::source::{SiteDay, Source, SourceError};
use catalogue::{ALL, BUILD, FIGURES_AVAILABLE, VIEWERS};
pub(crate) use exposition::Form;
use exposition::Scrape;

/// The exposition; the figures of the rooms are left out while they cannot be had, which is told.
pub(crate) fn metrics(source: &dyn Source, viewers: usize, form: Form) -> Result<String, SourceError> {
    let mut scrape = Scrape::default();
    scrape.add(&BUILD, &[env!("CARGO_PKG_VERSION"), &source.rules().name], 1.0);
    scrape.add(&VIEWERS, &[], f64::from(u32::try_from(viewers).unwrap_or(u32::MAX)));
    health::add(&mut scrape, &source.health()?);
    match sites(source) {
        Ok(sites) => {
            scrape.add(&FIGURES_AVAILABLE, &[], 1.0);
            for site in &sites {
                rooms::add(&mut scrape, site, source);
            }
        }
        Err(error) => {
            tracing::debug!(%error, "metrics without figures");
            scrape.add(&FIGURES_AVAILABLE, &[], 0.0);
        }
    }
    Ok(scrape.text(ALL, form))
}

/// Today on every site.
fn sites(source: &dyn Source) -> Result<Vec<SiteDay>, SourceError> {
    let first = today(source, None)?;
    let others = first.sites.iter().filter(|(site, _)| *site != first.site);
    let others = others.map(|(site, _)| today(source, Some(site))).collect::<Result<Vec<_>, _>>()?;
    Ok([first].into_iter().chain(others).collect())
}

#[cfg(test)]
mod tests {
    use super::catalogue::ALL;

    /// The manual's table of all metrics.
    fn table() -> String {
        let mut text = "| metric | type | labels | meaning |\n|---|---|---|---|\n".to_owned();
        for family in ALL {
            let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
            text +=
                &format!("| `{}` | {} | {} | {} |\n", family.name, family.kind.name(), labels.join(", "), family.help);
        }
        text
    }

    #[test]
    fn the_manual_lists_every_metric() {
        let manual = include_str!("../../../docs/prometheus.md");
        assert!(manual.contains(&table()), "docs/prometheus.md needs this table:\n{}", table());
    }
}

//! `touchtime pack`: a day or a month as one file that holds everything it needs, for a timer at 07:30 to write and
//! somebody to print or send.

use std::io::Write as _;
use std::sync::Arc;

use board::{daily_file, monthly_file};
use store::Reader;
use utilisation::targets::Targets;
use utilisation::timeline::Precedence;

use crate::cli::{Pack, PackInput};
use crate::clock::Clock;
use crate::config::GatewayConfig;
use crate::output;
use crate::past::{Past, Settings};
use crate::run::names;
use crate::source::Names;
use crate::transfer::rule_set;

/// `touchtime pack`
pub fn run(command: &Pack) -> anyhow::Result<()> {
    let (input, file) = match command {
        Pack::Daily { input, site, date } => {
            let (past, rules) = past(input)?;
            let history = past.now_or_measure()?.history;
            (input, daily_file(&history, site.as_ref(), *date, &rules, input.board.as_deref()))
        }
        Pack::Monthly { input, month } => {
            let (past, rules) = past(input)?;
            let history = past.now_or_measure()?.history;
            (input, monthly_file(&history, month.as_deref(), &rules, input.board.as_deref()))
        }
    };
    let mut out = output::open(input.output.as_deref())?;
    out.write_all(file.map_err(anyhow::Error::msg)?.as_bytes())?;
    out.flush()?;
    Ok(())
}

fn past(input: &PackInput) -> anyhow::Result<(Arc<Past>, utilisation::rules::RuleSet)> {
    let config = input.config.as_deref().map(GatewayConfig::load).transpose()?;
    let rules = rule_set(config.as_ref().map_or(&input.rules, |config| &config.rules.name))?;
    let precedence = Precedence::new(Reader::open(&input.store)?.precedence()?);
    let settings = Settings {
        dir: input.store.clone(),
        clock: Clock::of_store(&input.store)?,
        rules: rules.clone(),
        precedence,
        names: config.as_ref().map_or_else(Names::default, names),
        targets: config
            .as_ref()
            .map_or_else(Targets::built_in, |config| config.scanner_settings(rules.clone()).targets),
        changes: config.as_ref().map(GatewayConfig::named_changes).unwrap_or_default(),
    };
    Ok((Arc::new(Past::new(settings)), rules))
}

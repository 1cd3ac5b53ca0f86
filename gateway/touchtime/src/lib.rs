//! The command line of Touchtime, and the wiring of its halves.
//!
//! [`cli`] says what can be typed. [`report`], [`scanner_report`], [`waiting_report`], [`explain`], [`forecast_trial`], [`spare_report`], [`pack`], [`transfer`] and [`check`] answer from a store or an
//! extract; [`quarantine`] and [`upkeep`] look after a store; [`access`] writes the broker's rules; [`people`] and [`access_house`] know who may see
//! and do what on the pages, [`page_server`] is their socket, [`recorder`] keeps what people say there; [`run`] is the
//! long-running collector with its board; [`demo`] starts all parts as processes of their own.
//! [`measured`] is where records become sessions, [`source`] where sessions become pages, [`past`] what is kept for those that look back, [`health`] what `/metrics` tells beside.
//! [`influx`] exports to InfluxDB. [`clock`] alone reads a clock,
//! [`output`] alone writes to standard output.

pub mod access;
pub mod access_house;
pub mod case_rows;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dataset;
pub mod demo;
pub mod disclosure;
pub mod explain;
pub mod extract;
pub mod forecast_trial;
pub mod health;
pub mod influx;
pub mod measured;
pub mod output;
pub mod pack;
pub mod page_server;
pub mod parquet_file;
pub mod past;
pub mod people;
pub mod quarantine;
pub mod random;
pub mod recorder;
mod replace;
pub mod report;
pub mod run;
pub mod scanner_explain;
pub mod scanner_report;
pub mod signals;
pub mod source;
pub mod spare_report;
pub mod strays;
pub mod summary;
pub mod table_writer;
pub mod tables;
pub mod transfer;
pub mod two_threads;
pub mod upkeep;
pub mod waiting_report;
pub mod workbook;
mod wrong_clocks;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use cli::{Cli, Command, Role};

/// Exit code for a wrong command or configuration.
const USAGE: u8 = 2;

/// A command or configuration that cannot be carried out as it stands; exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Parses the process's arguments and does what they say.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let is_server = matches!(cli.command, Command::Run(_) | Command::Role(_));
    start_log(is_server);
    match dispatch(cli.command) {
        Ok(code) => code,
        Err(error) => {
            // A closed pipe (`touchtime report ... | head`) is the reader's decision, not a failure.
            let broken = error.chain().any(|cause| {
                cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
            });
            if broken {
                return ExitCode::SUCCESS;
            }
            output::complain(&error);
            let is_usage = error.chain().any(|cause| {
                cause.is::<Usage>() || cause.is::<config::ConfigError>() || cause.is::<case_extract::MappingError>()
            });
            ExitCode::from(if is_usage { USAGE } else { 1 })
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(arguments) => demo::run(&arguments)?,
        Command::Run(arguments) => run::run(&arguments)?,
        Command::Report(arguments) => report::run(&arguments)?,
        Command::Explain(arguments) => report::explain(&arguments)?,
        Command::Forecast(arguments) => forecast_trial::run(&arguments)?,
        Command::Pack(command) => pack::run(&command)?,
        Command::Export(arguments) => transfer::export(&arguments)?,
        Command::Import(arguments) => transfer::import(&arguments)?,
        Command::Check(arguments) => return check::run(&arguments),
        Command::Quarantine(command) => quarantine::run(&command)?,
        Command::Influx(command) => influx::run(&command)?,
        Command::Primary(arguments) => upkeep::primary(&arguments)?,
        Command::Backup(arguments) => upkeep::backup(&arguments)?,
        Command::Restore(arguments) => upkeep::restore(&arguments)?,
        Command::Upgrade(arguments) => upkeep::upgrade(&arguments)?,
        Command::AccessFile(arguments) => access::run(&arguments)?,
        Command::AccessToken(arguments) => people::new_token(&arguments)?,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "touchtime", &mut std::io::stdout());
        }
        Command::Role(Role::Broker { port }) => {
            demo::processes::end_with_parent();
            demo::broker::serve(port)?;
        }
        Command::Role(Role::Agent { arguments }) => {
            demo::processes::end_with_parent();
            let name = std::ffi::OsString::from("touchtime-agent");
            return Ok(edge_agent_linux::cli::main(std::iter::once(name).chain(arguments.into_iter().map(Into::into))));
        }
        Command::Role(Role::Scanners(arguments)) => {
            demo::processes::end_with_parent();
            demo::scanners::simulate(&arguments)?;
        }
        Command::Role(Role::Collector(arguments)) => {
            demo::processes::end_with_parent();
            run::run(&arguments)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Logs go to standard error; `TOUCHTIME_LOG` chooses what (default: servers say what changes, commands only what is wrong).
fn start_log(is_server: bool) {
    use std::io::IsTerminal as _;
    let default = if is_server { "info,rumqttd=warn" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("TOUCHTIME_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    // An error only says that the log was started already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}

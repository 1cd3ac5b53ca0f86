//! `touchtime check`: a configuration and what it points to, each with what is wrong and what to do about it.

use std::io::Write;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::Duration;

use board::access::Viewing;
use store::Reader;

use crate::cli::CheckArgs;
use crate::config::GatewayConfig;
use crate::output::{self, Ink};
use crate::people::PeopleFile;

/// Checks; exit code 1 if something needs doing, 2 if the configuration cannot be read.
pub fn run(arguments: &CheckArgs) -> anyhow::Result<ExitCode> {
    let config = GatewayConfig::load(&arguments.config)?;
    let checks = [
        ("configuration", Ok(describe(&config))),
        ("store", check_store(&config)),
        ("broker", check_broker(&config)),
        ("certificates", check_certificates(&config)),
        ("password", check_password(&config)),
        ("board", check_board(&config)),
        ("access", check_access(&config)),
        ("influxdb", check_influxdb(&config)),
    ];
    let mut out = output::open(None)?;
    let ink = Ink::for_stdout();
    let mut good = true;
    for (subject, outcome) in checks {
        match outcome {
            Ok(text) => writeln!(out, "{}  {subject:<14} {text}", ink.dim("ok     "))?,
            Err(text) => {
                good = false;
                writeln!(out, "{}  {subject:<14} {text}", ink.bold("problem"))?;
            }
        }
    }
    out.flush()?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn describe(config: &GatewayConfig) -> String {
    let kinds: Vec<String> =
        crate::run::kinds_listed(config).into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let rooms =
        if kinds.is_empty() { "rooms as their plans say".to_owned() } else { format!("rooms: {}", kinds.join(", ")) };
    format!("trust {}, {} sites, {rooms}, rules {}", config.trust, config.sites.len(), config.rules.name)
}

fn check_store(config: &GatewayConfig) -> Result<String, String> {
    let dir = &config.store.dir;
    if !dir.join(store::FILE_NAME).exists() {
        std::fs::create_dir_all(dir)
            .map_err(|error| format!("store.dir: {} cannot be made: {error}", dir.display()))?;
        let probe = dir.join(".touchtime-check");
        std::fs::write(&probe, b"")
            .and_then(|()| std::fs::remove_file(&probe))
            .map_err(|error| format!("store.dir: {} cannot be written: {error} (check its owner)", dir.display()))?;
        return Ok(format!("{} is empty; the collector will make its database there", dir.display()));
    }
    let reader = Reader::open(dir).map_err(|error| error.to_string())?;
    let rooms = reader.rooms().map_err(|error| error.to_string())?;
    let events = reader.count_events().map_err(|error| error.to_string())?;
    Ok(format!("{}: {events} events of {} rooms", dir.display(), rooms.len()))
}

fn check_broker(config: &GatewayConfig) -> Result<String, String> {
    let name = format!("{}:{}", config.broker.host, config.broker.port);
    let addresses = name
        .to_socket_addrs()
        .map_err(|error| format!("broker.host: {name} is not known: {error} (check the name, or use its address)"))?;
    let mut last = "it has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, Duration::from_secs(3)) {
            Ok(socket) => {
                if let Some(files) = config.broker.tls()? {
                    return match files.try_handshake(&config.broker.host, socket) {
                        Ok(()) => Ok(format!("{name} accepts connections, and the certificates fit")),
                        Err(problem) => Err(format!("{name}: {problem}")),
                    };
                }
                return Ok(format!("{name} accepts connections"));
            }
            Err(error) => last = error.to_string(),
        }
    }
    Err(format!("broker: {name} does not answer: {last} (is the broker running, and the firewall open?)"))
}

fn check_certificates(config: &GatewayConfig) -> Result<String, String> {
    match config.broker.tls()? {
        Some(files) => files.describe(crate::clock::wall_now().millis().div_euclid(1000)),
        None => Ok("none: the line to the broker is not encrypted".to_owned()),
    }
}

pub(crate) fn check_password(config: &GatewayConfig) -> Result<String, String> {
    broker_tls::describe_login(config.broker.username.as_deref(), config.broker.password_file.as_deref())
}

fn check_influxdb(config: &GatewayConfig) -> Result<String, String> {
    let Some(influxdb) = &config.influxdb else { return Ok("none: nothing is exported".to_owned()) };
    let server = influxdb.server()?;
    let rest = server.url.split_once("://").map_or("", |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    let name = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let mut addresses = name
        .to_socket_addrs()
        .map_err(|error| format!("influxdb.url: {name} is not known: {error} (check the name, or use its address)"))?;
    match addresses.find_map(|address| TcpStream::connect_timeout(&address, Duration::from_secs(3)).ok()) {
        Some(_) => Ok(format!("{name} accepts connections; bucket {}", server.bucket)),
        None => Err(format!("influxdb.url: {name} does not answer (is InfluxDB running, and the firewall open?)")),
    }
}

/// Who may see and do what; a password that crosses the network in clear is a problem.
fn check_access(config: &GatewayConfig) -> Result<String, String> {
    let access = config.access.access()?;
    let looks = match access.viewing {
        Viewing::Anyone if config.board.listen.ip().is_loopback() => "anyone on this machine may look",
        Viewing::Anyone => "anyone who reaches the board may look",
        Viewing::Known => "only people who are known may look",
    };
    let people = match &config.access.people_file {
        None => 0,
        Some(file) => PeopleFile::open(file).map_err(|error| format!("access.people-file: {error:#}"))?.count(),
    };
    let proxy = access.proxy.map(|proxy| format!(", groups of a proxy: {}", proxy.groups.len())).unwrap_or_default();
    if !config.access.knows_people() {
        return Ok(format!("{looks}, nobody may correct (see access.people-file)"));
    }
    if !config.board.listen.ip().is_loopback() && config.access.proxy.is_none() {
        return Err(format!(
            "board.listen: tokens would cross the network unencrypted to {} (listen on 127.0.0.1 behind a proxy with TLS)",
            config.board.listen
        ));
    }
    Ok(format!("{looks}; people with a token: {people}{proxy}"))
}

fn check_board(config: &GatewayConfig) -> Result<String, String> {
    match std::net::TcpListener::bind(config.board.listen) {
        Ok(_) => Ok(format!("http://{} is free", config.board.listen)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Ok(format!("http://{} is in use (by the running collector?)", config.board.listen))
        }
        Err(error) => Err(format!("board.listen: {} cannot be used: {error}", config.board.listen)),
    }
}

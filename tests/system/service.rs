//! The agent as a service: what the service manager hears of it.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

use touchtime_tests::peer::{Running, free_port};
use touchtime_tests::programs::agent;

/// Ready once its outbox is there, then signs of life as often as the watchdog asks, with a line on how it is.
pub fn the_manager_hears_of_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let socket = dir.join("notify");
    let manager = UnixDatagram::bind(&socket).expect("a socket");
    manager.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
    let text = format!(
        "trust = 'demo'\nsite = 'main'\nagent = 'th-1'\ndata-dir = '{}'\n[broker]\nhost = '127.0.0.1'\nport = {}\n\
         [collectors]\nrequired = ['c1']\n",
        dir.join("data").display(),
        free_port()
    );
    fs::write(dir.join("agent.toml"), text).expect("written");
    let mut command = agent();
    command.args(["run", "--config"]).arg(dir.join("agent.toml")).stderr(Stdio::null());
    command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "300000");
    let _agent = Running::start(&mut command);
    let next = || {
        let mut buffer = [0; 4096];
        let length = manager.recv(&mut buffer).expect("the manager is told something");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let mut told = Vec::new();
    while !(told.iter().any(|one: &String| one.contains("READY=1"))
        && told.iter().filter(|one| one.contains("WATCHDOG=1")).count() >= 3)
    {
        told.push(next());
    }
    assert!(dir.join("data/outbox.redb").exists(), "it was ready before its outbox was");
    assert!(
        told.iter().any(|one| one.contains("STATUS=not connected: ") && one.contains("; 0 events wait")),
        "{told:?}"
    );
}

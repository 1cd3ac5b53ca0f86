//! Debian's Prometheus: started on a configuration of a test, asked through its API; and its tool.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::peer::{Peer, Running, await_port, free_port};
use crate::programs::root;

/// Where the rules that are shipped lie.
pub fn rules() -> std::path::PathBuf {
    root().join("dashboards/prometheus")
}

/// A running Prometheus.
pub struct Prometheus {
    port: u16,
    _process: Running,
}

impl Prometheus {
    /// Starts one that looks at a collector each second, with the shipped rules.
    pub fn start(dir: &Path, collector: u16) -> Self {
        let shipped = std::fs::read_to_string(rules().join("prometheus.yml")).expect("the example is there");
        let text = shipped
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{collector}"))
            .replace(": 30s", ": 1s")
            .replace("- touchtime.", &format!("- {}/touchtime.", rules().display()));
        let config = dir.join("prometheus.yml");
        std::fs::write(&config, text).expect("written");
        let port = free_port();
        let program = Peer::Prometheus.program().expect("prometheus is installed");
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--log.level=error"])
            .stderr(Stdio::inherit());
        let process = Running::start(&mut command);
        await_port(port);
        Self { port, _process: process }
    }

    /// `data` of an answer of the API; nothing while it is starting.
    pub fn ask(&self, path: &str) -> Option<serde_json::Value> {
        // By HTTP 1.0, which knows no chunks.
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
        write!(stream, "GET /api/v1/{path} HTTP/1.0\r\nHost: prometheus\r\n\r\n").expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("UTF-8");
        let (_, body) = text.split_once("\r\n\r\n")?;
        let mut answer: serde_json::Value = serde_json::from_str(body).ok()?;
        (answer["status"] == "success").then(|| answer["data"].take())
    }

    /// Every sample that an expression has now: its labels and its value; none while it is starting.
    pub fn query(&self, expression: &str) -> Vec<(serde_json::Value, f64)> {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let Some(data) = self.ask(&format!("query?query={encoded}")) else { return Vec::new() };
        let samples = data["result"].as_array().expect("a vector").iter();
        let value = |sample: &serde_json::Value| sample["value"][1].as_str().and_then(|text| text.parse().ok());
        samples.map(|sample| (sample["metric"].clone(), value(sample).expect("a number"))).collect()
    }
}

/// `promtool`, in the folder of the rules.
pub fn promtool() -> Command {
    let program = Peer::Prometheus.program().expect("prometheus is installed").with_file_name("promtool");
    let mut command = Command::new(program);
    command.current_dir(rules());
    command
}

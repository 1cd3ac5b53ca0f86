//! Real parts that Touchtime meets in a hospital: found, started, stopped.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A part that must be installed for some tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The MQTT broker of Debian's package `mosquitto`.
    Mosquitto,
    /// The browser of Debian's package `chromium`.
    Chromium,
    /// A Python with PyPI's `pynetdicom`: a scanner. Its test needs mosquitto too.
    Pynetdicom,
    /// `echoscu` of Debian's package `dcmtk`.
    Dcmtk,
    /// dcmtk's `wlmscpfs`, a worklist, and, to make its entries, what [`Peer::Pynetdicom`] is.
    Wlmscpfs,
    /// dcmtk's `storescu` and, to make what it sends, what [`Peer::Pynetdicom`] is.
    Storescu,
    /// npm's `@grafana/schema` and `typescript`, where `.ci/run` puts them.
    GrafanaSchema,
    /// node with npm's `@asyncapi/parser`, where `.ci/run` puts it.
    AsyncApiParser,
    /// A Python with PyPI's `jsonschema` and `pyyaml`.
    JsonSchema,
    /// `mllp_send` of PyPI's `hl7`: a hospital system. Its tests need mosquitto too.
    Hl7,
    /// The monitoring system of Debian's package `prometheus`, which brings `promtool`.
    Prometheus,
    /// The engine of Debian's package `influxdb`.
    InfluxDb,
    /// A Python with PyPI's `duckdb`: reads Parquet, speaks SQL.
    DuckDb,
    /// A Python with PyPI's `datafusion`: the same.
    DataFusion,
    /// A Python with PyPI's `openpyxl`: reads workbooks.
    OpenPyxl,
    /// What boots a gateway machine: Debian's `qemu-system-x86`, `busybox-static`, `linux-headers-amd64`,
    /// `linux-source-6.1`, `e2fsprogs` and `iproute2`, and the kernel that `tests/kernel/image.sh fetch` unpacks. Its tests
    /// need mosquitto too.
    Machine,
}

impl Peer {
    /// Where its program is, if it is installed.
    pub fn program(self) -> Option<PathBuf> {
        let candidates: &[&str] = match self {
            Self::Mosquitto => &["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"],
            Self::Chromium => &["/usr/bin/chromium", "/usr/bin/chromium-browser"],
            Self::Prometheus => &["/usr/bin/prometheus"],
            Self::GrafanaSchema => return type_checker(),
            Self::AsyncApiParser => return node_with("@asyncapi/parser"),
            Self::JsonSchema => return python_with("jsonschema, yaml"),
            Self::Dcmtk => &["/usr/bin/echoscu"],
            Self::Wlmscpfs if Self::Pynetdicom.program().is_none() => &[],
            Self::Wlmscpfs => &["/usr/bin/wlmscpfs"],
            Self::Storescu if Self::Pynetdicom.program().is_none() => &[],
            Self::Storescu => &["/usr/bin/storescu"],
            Self::Hl7 => return Self::Mosquitto.program().and_then(|_| mllp_send()),
            Self::InfluxDb => &["/usr/bin/influxd", "/usr/sbin/influxd"],
            Self::Pynetdicom => return Self::Mosquitto.program().and_then(|_| python_with("pynetdicom")),
            Self::DuckDb => return python_with("duckdb"),
            Self::OpenPyxl => return python_with("openpyxl"),
            Self::DataFusion => return python_with("datafusion"),
            Self::Machine => return Self::Mosquitto.program().and_then(|_| machine()),
        };
        candidates.iter().map(PathBuf::from).find(|path| path.is_file())
    }

    /// Whether a test that needs it is to be skipped: it is missing, and may be.
    pub fn may_skip(self) -> bool {
        let required = std::env::var_os("TOUCHTIME_REQUIRE_PEERS").is_some_and(|v| v == "1");
        self.program().is_none() && !required
    }
}

/// The environment that `.ci/run` makes, or the system's Python.
fn python_with(module: &str) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("target/ci-python/bin/python");
    [own, PathBuf::from("/usr/bin/python3")].into_iter().find(|python| {
        let mut command = Command::new(python);
        command.arg("-c").arg(format!("import {module}")).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

/// Debian's node, if `.ci/run` has put the module beside it.
fn node_with(module: &str) -> Option<PathBuf> {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("target/ci-node/node_modules");
    let candidates = ["/usr/bin/node", "/usr/bin/nodejs", "/usr/local/bin/node"];
    modules.join(module).is_dir().then(|| candidates.iter().map(PathBuf::from).find(|node| node.is_file()))?
}

/// TypeScript beside Grafana's published types.
fn type_checker() -> Option<PathBuf> {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("target/ci-node/node_modules");
    let program = modules.join(".bin/tsc");
    (program.is_file() && modules.join("@grafana/schema").is_dir()).then_some(program)
}

/// QEMU, if all that a guest is made of is there.
fn machine() -> Option<PathBuf> {
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("target/kernel/debian/boot");
    let kernels =
        std::fs::read_dir(kernels).ok()?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let versions = kernels.filter_map(|name| name.strip_prefix("vmlinuz-").map(str::to_owned));
    let has_headers = |version: &String| Path::new("/usr/src").join(format!("linux-headers-{version}")).is_dir();
    let parts = ["/bin/busybox", "/sbin/mkfs.ext4", "/sbin/tc", "/usr/src/linux-source-6.1.tar.xz"];
    let is_complete =
        parts.iter().all(|part| Path::new(part).exists()) && versions.into_iter().any(|version| has_headers(&version));
    let program = PathBuf::from("/usr/bin/qemu-system-x86_64");
    (is_complete && program.is_file()).then_some(program)
}

/// In the environment that `.ci/run` makes, or where the system has it.
fn mllp_send() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("target/ci-python/bin/mllp_send");
    let mut candidates =
        [own, PathBuf::from("/usr/local/bin/mllp_send"), PathBuf::from("/usr/bin/mllp_send")].into_iter();
    candidates.find(|program| program.is_file())
}

/// A port on loopback that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|l| l.local_addr()).expect("a free port").port()
}

/// Waits until something listens on the port.
pub fn await_port(port: u16) {
    await_that("the port answers", || TcpStream::connect(("127.0.0.1", port)).is_ok());
}

/// Polls a condition that no event announces; fails after 30 s.
pub fn await_that(what: &str, condition: impl FnMut() -> bool) {
    await_within(Duration::from_secs(30), || what.to_owned(), condition);
}

/// Polls a condition that may take as long as `patience`; `what` is asked when it has failed.
pub fn await_within(patience: Duration, what: impl Fn() -> String, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !condition() {
        assert!(Instant::now() < deadline, "waited {} s in vain until {}", patience.as_secs(), what());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A process that is killed at the end of its test.
#[derive(Debug)]
pub struct Running(pub Child);

impl Running {
    /// Starts it without input.
    pub fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().expect("the program starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// mosquitto on a loopback port of its own, with the limits that Touchtime ships.
pub fn mosquitto(dir: &Path) -> (Running, u16) {
    let port = free_port();
    let config = dir.join("mosquitto.conf");
    let text = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 100000\nmax_inflight_messages 256\nlog_type error\n"
    );
    std::fs::write(&config, text).expect("the configuration is written");
    let program = Peer::Mosquitto.program().expect("mosquitto is installed");
    let running = Running::start(Command::new(program).arg("-c").arg(&config));
    await_port(port);
    (running, port)
}

//! A gateway machine as a whole: Debian's kernel in QEMU with a simulated GPIO chip, a disk of its own, and the static
//! agent. Its power can be cut, its lines moved, its clock set wrong.
//!
//! ```text
//! test --lines of shell--> ttyS1 of the guest       the guest --MQTT to 10.0.2.2--> broker on this machine
//! ```
//! `tests/kernel/image.sh` makes what is booted.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::programs::{root, run};

/// This machine, as its guests see it.
pub const HOST: &str = "10.0.2.2";

/// The longest that one line of shell may take: the guest's processor is emulated.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes of a file that go over the serial line at once; the guest's terminal holds 4,096.
const PIECE: usize = 2048;

/// Where the guest keeps what outlives its power.
const DISK: &str = "disk.img";

/// A guest that runs. Dropping it cuts its power.
#[derive(Debug)]
pub struct Guest {
    qemu: Child,
    input: ChildStdin,
    output: Receiver<String>,
    dir: PathBuf,
}

/// What a line of shell printed, and its exit code.
#[derive(Debug)]
pub struct Answer {
    /// What it printed.
    pub text: String,
    /// Its exit code.
    pub code: String,
}

impl Guest {
    /// Makes an empty disk in `dir` for guests to come.
    pub fn make_disk(dir: &Path, mib: u64) {
        let disk = dir.join(DISK);
        let file = std::fs::File::create(&disk).expect("a file");
        file.set_len(mib << 20).expect("a length");
        run(Command::new("/sbin/mkfs.ext4").args(["-q", "-F"]).arg(&disk)).good();
    }

    /// Boots with the disk in `dir`, and with the battery clock at that time of day, as QEMU's `-rtc base` takes it, or
    /// else at this machine's.
    pub fn boot(dir: &Path, clock: Option<&str>) -> Self {
        let image = image();
        let mut command = Command::new("qemu-system-x86_64");
        command.args(["-accel", "tcg", "-machine", "q35", "-cpu", "max", "-m", "256", "-nodefaults"]);
        command.args(["-display", "none", "-no-reboot", "-rtc"]);
        command.arg(format!("base={}", clock.unwrap_or("utc")));
        command.arg("-kernel").arg(image.join("vmlinuz")).arg("-initrd").arg(image.join("initramfs.gz"));
        command.args(["-append", "console=ttyS0 quiet panic=-1"]);
        let disk = dir.join(DISK);
        // Without a cache on this side, a killed QEMU is a power cut: what the guest has not flushed is gone.
        command.arg("-drive").arg(format!("file={},format=raw,if=none,id=disk,cache=none", disk.display()));
        command.args(["-device", "virtio-blk-pci,drive=disk", "-netdev", "user,id=net"]);
        command.args(["-device", "virtio-net-pci,netdev=net", "-serial"]);
        command.arg(format!("file:{}", dir.join("console.log").display())).args(["-serial", "stdio"]);
        let mut qemu = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("QEMU starts");
        let (Some(input), Some(output)) = (qemu.stdin.take(), qemu.stdout.take()) else {
            panic!("pipes were asked for")
        };
        let (lines_in, lines) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(output);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                if lines_in.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
        let mut guest = Self { qemu, input, output: lines, dir: dir.to_owned() };
        assert_eq!(guest.await_mark().code, "ready", "{}", guest.console());
        guest
    }

    /// Runs a line of shell; what it printed and its exit code.
    pub fn ask(&mut self, line: &str) -> Answer {
        self.input.write_all(format!("{line}\n").as_bytes()).expect("the guest runs");
        let mut answer = self.await_mark();
        answer.code = answer.code.trim_start_matches("done ").to_owned();
        answer
    }

    /// Runs a line of shell that must succeed; what it printed.
    pub fn run(&mut self, line: &str) -> String {
        let answer = self.ask(line);
        assert_eq!(answer.code, "0", "in the guest: {line}\n{}\n{}", answer.text, self.console());
        answer.text
    }

    /// Begins a line of shell, and returns what it has printed after so long; it may not be done.
    pub fn watch(&mut self, line: &str, watched_for: Duration) -> Vec<String> {
        self.input.write_all(format!("{line}\n").as_bytes()).expect("the guest runs");
        let deadline = Instant::now() + watched_for;
        let mut lines = Vec::new();
        while let Ok(line) = self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if line.starts_with('@') {
                break;
            }
            lines.push(line);
        }
        lines
    }

    /// Writes a file.
    pub fn write(&mut self, path: &str, text: &str) {
        self.run(&format!("mkdir -p $(dirname {path}); : >{path}"));
        for piece in text.as_bytes().chunks(PIECE / 4) {
            let octal: String = piece.iter().map(|byte| format!("\\0{byte:o}")).collect();
            self.run(&format!("printf '%b' '{octal}' >>{path}"));
        }
    }

    /// Polls a line of shell until it succeeds; its last output.
    pub fn await_good(&mut self, line: &str) -> String {
        let mut text = String::new();
        crate::peer::await_within(
            PATIENCE,
            || format!("the guest succeeds with {line}"),
            || {
                let answer = self.ask(line);
                text = answer.text;
                answer.code == "0"
            },
        );
        text
    }

    /// Cuts the power.
    pub fn cut_power(self) {}

    fn await_mark(&mut self) -> Answer {
        let mut text = String::new();
        loop {
            let Ok(line) = self.output.recv_timeout(PATIENCE) else {
                panic!("the guest does not answer:\n{text}\n{}", self.console());
            };
            if let Some(code) = line.strip_prefix('@') {
                return Answer { text, code: code.to_owned() };
            }
            text += &line;
            text.push('\n');
        }
    }

    fn console(&self) -> String {
        std::fs::read_to_string(self.dir.join("console.log")).unwrap_or_default()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // SIGKILL, to this one process.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// Kernel and initramfs, made by the first test that boots.
fn image() -> &'static Path {
    static IMAGE: OnceLock<PathBuf> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let agent =
            static_program("edge-agent-linux", "touchtime-agent", &["--no-default-features", "--features", "gpio"]);
        let hand = static_program("touchtime-hand", "touchtime-hand", &[]);
        let script = root().join("tests/kernel/image.sh");
        run(Command::new(script).arg("build").arg(agent).arg(hand)).good();
        root().join("target/kernel")
    })
}

/// A program of the workspace without shared libraries: the guest has none. Optimised, since its processor is emulated.
fn static_program(package: &str, name: &str, features: &[&str]) -> PathBuf {
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    let folder = root().join("target/kernel/agent");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--release", "--package", package, "--bin", name, "--target", TARGET]);
    command.args(features).arg("--target-dir").arg(&folder).current_dir(root());
    command.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-C target-feature=+crt-static");
    // What is tested is the program, not its optimiser: half the time to build.
    command.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    run(&mut command).good();
    folder.join(TARGET).join("release").join(name)
}

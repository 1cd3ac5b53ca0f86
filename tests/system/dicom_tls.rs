//! Scanners over TLS: who is let in, who is not and is told of, and new certificates without a restart.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use touchtime_tests::peer::{Peer, Running, await_port, await_that, await_within, free_port};
use touchtime_tests::pki::{Authority, Validity};
use touchtime_tests::programs::{agent, run};

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

struct Place<'d> {
    dir: &'d Path,
    port: u16,
}

impl Place<'_> {
    fn agent(&self, tls: &str) -> Running {
        let shown = self.dir.display();
        let text = format!(
            "trust = 'demo'\nsite = 'main'\nagent = 'scan'\ndata-dir = '{shown}/data'\n[broker]\nhost = '127.0.0.1'\n\
             port = {}\n[collectors]\nrequired = ['c1']\n[tokens]\nkey-file = '{shown}/token.key'\n[dicom]\n\
             listen = '127.0.0.1:{}'\nscanners = [{{ calling = 'MR1', room = 'mri-1' }}]\nidle-seconds = 5\n{tls}",
            free_port(),
            self.port
        );
        fs::write(self.dir.join("agent.toml"), text).expect("written");
        let log = File::options().create(true).append(true).open(self.dir.join("agent.log")).expect("a log");
        let running = Running::start(agent().args(["run", "--config"]).arg(self.dir.join("agent.toml")).stderr(log));
        await_port(self.port);
        running
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.join("agent.log")).unwrap_or_default()
    }

    /// The agent writes its line when the caller may have gone already.
    fn await_log(&self, words: &str) {
        await_within(PATIENCE, || format!("the log says {words:?}: {}", self.log()), || self.log().contains(words));
    }

    /// Whether a scanner's echo is answered.
    fn echo(&self, tls: &[&Path], flags: &[&str]) -> bool {
        let program = Peer::Dcmtk.program().expect("dcmtk is installed");
        let mut echo = Command::new(program);
        echo.args(["-aet", "MR1", "-aec", "TOUCHTIME", "-to", "10"]).args(flags);
        if let [key, certificate, rest @ ..] = tls {
            echo.arg("+tls").args([key, certificate]);
            rest.iter().for_each(|ca| {
                echo.arg("+cf").arg(ca);
            });
        }
        run(echo.args(["127.0.0.1", &self.port.to_string()])).code == Some(0)
    }

    /// `check` and `outbox` say so too, once the agent has written it down.
    fn await_told(&self, words: &str) {
        for command in ["check", "outbox"] {
            let said = || {
                let said = run(agent().args([command, "--config"]).arg(self.dir.join("agent.toml")));
                format!("{}{}", said.out, said.err)
            };
            await_that(&format!("{command} says {words:?}: {}", said()), || said().contains(words));
        }
    }
}

pub fn scanners_over_tls() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    run(agent().arg("key").arg(dir.join("token.key"))).good();
    let (ours, foreign) = (Authority::new("Hospital"), Authority::new("Somebody else"));
    let file = |name: &str, text: &str| -> PathBuf {
        let path = dir.join(name);
        fs::write(&path, text).expect("written");
        path
    };
    let (ca, foreign_ca) = (file("ca.pem", &ours.pem), file("foreign-ca.pem", &foreign.pem));
    ours.broker(1, Validity::Now).write(dir, "dicom");
    let revoked = ours.client("MR1", 4, Validity::Now);
    file("crl.pem", &ours.revocation_list(&[&revoked], 1));
    let (good, good_key) = ours.client("MR1", 2, Validity::Now).write(dir, "mr1");
    let tls = format!(
        "certificate-file = '{0}/dicom.pem'\nkey-file = '{0}/dicom.key'\nca-file = '{0}/ca.pem'\ncrl-file = '{0}/crl.pem'\n",
        dir.display()
    );
    let place = Place { dir, port: free_port() };
    let _agent = place.agent(&tls);
    let lets_in = || place.echo(&[&good_key, &good, &ca], &[]);
    assert!(lets_in(), "{}", place.log());

    for (issued, words) in [
        (ours.client("MR1", 3, Validity::Past), "its certificate has expired"),
        (revoked, "its certificate is revoked by dicom.crl-file"),
        (foreign.client("MR1", 5, Validity::Now), "was not issued by the authority in dicom.ca-file"),
    ] {
        let (certificate, key) = issued.write(dir, "other");
        assert!(!place.echo(&[&key, &certificate, &ca], &[]), "{words}");
        place.await_log(words);
        assert!(lets_in(), "others go on");
    }
    assert!(!place.echo(&[], &["+tla", "-ic"]));
    place.await_log("it shows no certificate");
    assert!(!place.echo(&[], &[]));
    place.await_log("it does not speak TLS (switch TLS on there");
    assert!(!place.echo(&[&good_key, &good, &foreign_ca], &[]));
    place.await_log("it does not trust dicom.certificate-file");
    place.await_told("it does not trust dicom.certificate-file");
    assert!(lets_in());

    // A new certificate counts from the next association on; so does one that cannot be used.
    file("dicom.pem", "nothing");
    assert!(!lets_in());
    place.await_log("nobody gets in until this is put right");
    ours.broker(6, Validity::Now).write(dir, "dicom");
    assert!(lets_in());
}

pub fn a_scanner_that_speaks_tls_to_a_plain_port_is_told_of() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    run(agent().arg("key").arg(dir.join("token.key"))).good();
    let ours = Authority::new("Hospital");
    fs::write(dir.join("ca.pem"), &ours.pem).expect("written");
    let (certificate, key) = ours.client("MR1", 2, Validity::Now).write(dir, "mr1");
    let place = Place { dir, port: free_port() };
    let _agent = place.agent("");
    assert!(!place.echo(&[&key, &certificate, &dir.join("ca.pem")], &[]));
    place.await_log("it speaks TLS, and this agent does not");
    assert!(place.echo(&[], &[]));
}

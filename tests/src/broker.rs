//! mosquitto with the configuration that Touchtime ships, and the access file that `touchtime access-file` makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::peer::{Peer, Running, await_port, free_port};
use crate::pki::{Authority, Validity};
use crate::programs::{root, run, touchtime};

/// The password of every user.
pub const PASSWORD: &str = "not secret in a test";

/// A broker as a hospital has it, but for folder and ports.
pub struct ShippedBroker {
    running: Option<Running>,
    /// What stands for `/etc/mosquitto/touchtime`.
    pub dir: PathBuf,
    /// The loopback listener, for users with a password.
    pub port: u16,
    /// The listener for machines with a certificate.
    pub tls_port: u16,
    /// Who issued the broker's certificate and may issue the clients'.
    pub authority: Authority,
}

impl ShippedBroker {
    /// Starts it with the agents and collectors of `gateway_toml`, and a password for each user.
    pub fn start(dir: &Path, gateway_toml: &str, users: &[&str]) -> Self {
        let authority = Authority::new("Test authority");
        fs::write(dir.join("ca.pem"), &authority.pem).expect("written");
        authority.broker(1, Validity::Now).write(dir, "broker");
        fs::write(dir.join("revoked.crl"), authority.revocation_list(&[], 1)).expect("written");
        let passwords = dir.join("passwords");
        fs::write(&passwords, "").expect("written");
        for user in users {
            let done = Command::new("mosquitto_passwd").arg("-b").arg(&passwords).args([user, PASSWORD]).output();
            assert!(done.expect("mosquitto_passwd runs").status.success(), "mosquitto_passwd");
        }
        let mut broker =
            Self { running: None, dir: dir.to_owned(), port: free_port(), tls_port: free_port(), authority };
        broker.write_access(gateway_toml);
        broker.write_configuration();
        broker.come_up();
        broker
    }

    fn write_configuration(&self) {
        let shipped = root().join("gateway/mosquitto/touchtime.conf");
        let mut text = fs::read_to_string(shipped).expect("the shipped configuration");
        for (shipped, here) in [
            ("/etc/mosquitto/touchtime/", format!("{}/", self.dir.display())),
            ("\nlistener 8883\n", format!("\nlistener {} 127.0.0.1\n", self.tls_port)),
            ("\nlistener 1883 127.0.0.1\n", format!("\nlistener {} 127.0.0.1\n", self.port)),
        ] {
            assert!(text.contains(shipped), "the shipped configuration has {shipped:?}");
            text = text.replace(shipped, &here);
        }
        let folder = self.dir.join("conf.d");
        fs::create_dir_all(&folder).expect("made");
        fs::write(folder.join("touchtime.conf"), text).expect("written");
        // What Debian's own mosquitto.conf says, with the folder of this test.
        let main = format!(
            "user root\npersistence true\npersistence_location {0}/\nlog_dest file {0}/broker.log\ninclude_dir {0}/conf.d\n",
            self.dir.display()
        );
        fs::write(self.dir.join("mosquitto.conf"), main).expect("written");
    }

    /// Makes the access file for the agents and collectors of `gateway_toml`; the broker reads it when it is told.
    pub fn write_access(&self, gateway_toml: &str) {
        let config = self.dir.join("access-gateway.toml");
        fs::write(&config, gateway_toml).expect("written");
        let file = self.dir.join("access");
        run(touchtime().args(["access-file", "--config"]).arg(config).arg("--output").arg(file)).good();
    }

    /// `systemctl reload mosquitto`.
    pub fn reload(&self) {
        let running = self.running.as_ref().expect("it runs");
        let done = Command::new("kill").arg("-HUP").arg(running.0.id().to_string()).status();
        assert!(done.expect("kill runs").success());
    }

    /// Stops it, without a goodbye to its clients.
    pub fn go_down(&mut self) {
        self.running = None;
    }

    /// Starts it again on the same ports.
    pub fn come_up(&mut self) {
        let program = Peer::Mosquitto.program().expect("mosquitto is installed");
        let mut command = Command::new(program);
        command.arg("-c").arg(self.dir.join("mosquitto.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        self.running = Some(Running::start(&mut command));
        await_port(self.port);
        await_port(self.tls_port);
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("broker.log")).unwrap_or_default()
    }
}

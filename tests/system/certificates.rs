//! Certificates that are wrong, expired or revoked, on either side: refused, said, buffered, and good again after
//! rotation without a restart of agent or collector.

use std::fs;

use touchtime_tests::broker::ShippedBroker;
use touchtime_tests::peer::await_that;
use touchtime_tests::pki::{Authority, Issued, Validity};
use touchtime_tests::programs::{agent, run};
use touchtime_tests::ward::Ward;

use crate::access::GATEWAY;

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    WrongAuthority,
    Expired,
    Revoked,
}

const TROUBLES: [Trouble; 3] = [Trouble::WrongAuthority, Trouble::Expired, Trouble::Revoked];

/// A client with that trouble; for a revoked one the broker's list is told.
fn troubled_client(ward: &Ward, user: &str, serial: u64, trouble: Trouble) -> Issued {
    let authority = &ward.broker.authority;
    match trouble {
        // Of the same name, as a forger would have it.
        Trouble::WrongAuthority => Authority::new("Test authority").client(user, serial, Validity::Now),
        Trouble::Expired => authority.client(user, serial, Validity::Past),
        Trouble::Revoked => {
            let issued = authority.client(user, serial, Validity::Now);
            let list = authority.revocation_list(&[&issued], serial);
            fs::write(ward.broker.dir.join("revoked.crl"), list).expect("written");
            issued
        }
    }
}

/// An agent whose certificate is refused keeps its events, says why, and sends them with a new one.
pub fn an_agents_certificate_is_refused_and_rotated() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut ward = Ward::start(dir.path());
    ward.another_day();
    ward.await_all_stored();
    assert!(ward.check("agent").contains("shows th-1 until 2099-01-01"), "{}", ward.check("agent"));

    for (serial, trouble) in (20..).step_by(2).zip(TROUBLES) {
        let (since, before) = (ward.log("agent").len(), ward.stored_cases());
        ward.broker.go_down();
        ward.give("th-1", &troubled_client(&ward, "th-1", serial, trouble));
        ward.broker.come_up();
        ward.another_day();
        let said = match trouble {
            Trouble::WrongAuthority => "it does not know the authority that issued it (let the broker's own authority",
            Trouble::Expired => "it has expired, on 2021-01-01 (renew it; no restart is needed)",
            Trouble::Revoked => "it is revoked (get a new one; no restart is needed)",
        };
        ward.await_said(
            "agent",
            since,
            &["not connected", "the broker refuses broker.certificate-file", "th-1.pem", said],
        );
        let checked = ward.check("agent");
        assert!(checked.lines().any(|line| line.starts_with("problem") && line.contains(said)), "{checked}");
        await_that("the outbox tells why", || ward.outbox().contains(said));
        assert_eq!(ward.stored_cases(), before, "{trouble:?}: nothing came");

        ward.give("th-1", &ward.broker.authority.client("th-1", serial + 1, Validity::Now));
        ward.await_all_stored();
    }

    // Only one of the two files has been replaced yet.
    ward.broker.go_down();
    let renewed = ward.broker.authority.client("th-1", 30, Validity::Now);
    let since = ward.log("agent").len();
    fs::write(ward.dir().join("th-1.pem"), &renewed.certificate).expect("written");
    ward.broker.come_up();
    ward.another_day();
    ward.await_said("agent", since, &["ERROR", "broker.key-file", "th-1.key: is not the key of", "th-1.pem"]);
    ward.give("th-1", &renewed);
    ward.await_all_stored();
    await_that("the outbox says that it is connected", || ward.outbox().contains("broker    connected"));
    assert!(ward.outbox().contains("lost      0"), "{}", ward.outbox());
}

/// The same for the collector: the board says that nothing can arrive, the agent keeps what it has.
pub fn a_collectors_certificate_is_refused_and_rotated() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut ward = Ward::start(dir.path());
    ward.another_day();
    ward.await_all_stored();
    assert!(ward.check("collector").contains("shows c1 until 2099-01-01"), "{}", ward.check("collector"));

    for (serial, trouble) in (20..).step_by(2).zip(TROUBLES) {
        let (since, before) = (ward.log("collector").len(), ward.stored_cases());
        ward.broker.go_down();
        ward.give("c1", &troubled_client(&ward, "c1", serial, trouble));
        ward.broker.come_up();
        ward.another_day();
        let said = match trouble {
            Trouble::WrongAuthority => "it does not know the authority that issued it",
            Trouble::Expired => "it has expired, on 2021-01-01",
            Trouble::Revoked => "it is revoked",
        };
        ward.await_said("collector", since, &["not connected", "broker.certificate-file", "c1.pem", said]);
        let checked = ward.check("collector");
        assert!(checked.lines().any(|line| line.starts_with("problem") && line.contains(said)), "{checked}");
        ward.await_on_board("It has no connection to the broker");
        ward.await_on_board(said);
        assert_eq!(ward.stored_cases(), before, "{trouble:?}: nothing came");

        ward.give("c1", &ward.broker.authority.client("c1", serial + 1, Validity::Now));
        ward.await_all_stored();
    }
    assert!(!touchtime_tests::web::get(ward.board, "/").1.contains("It has no connection to the broker"));
    assert!(ward.outbox().contains("lost      0"), "{}", ward.outbox());
}

/// A broker that is not the right one is told nothing: both sides refuse it, and go on when it is the right one again.
pub fn a_brokers_certificate_is_refused_and_rotated() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut ward = Ward::start(dir.path());
    ward.another_day();
    ward.await_all_stored();

    for (serial, trouble) in (20..).step_by(2).zip(TROUBLES) {
        let (agent, collector) = (ward.log("agent").len(), ward.log("collector").len());
        let before = ward.stored_cases();
        ward.broker.go_down();
        let authority = &ward.broker.authority;
        let troubled = match trouble {
            Trouble::WrongAuthority => Authority::new("Test authority").broker(serial, Validity::Now),
            Trouble::Expired => authority.broker(serial, Validity::Past),
            Trouble::Revoked => authority.broker(serial, Validity::Now),
        };
        if trouble == Trouble::Revoked {
            let list = authority.revocation_list(&[&troubled], serial);
            fs::write(ward.dir().join("revoked.crl"), list).expect("written");
        }
        troubled.write(&ward.broker.dir, "broker");
        ward.broker.come_up();
        ward.another_day();
        let said = match trouble {
            Trouble::WrongAuthority => "was not issued by the authority in broker.ca-file",
            Trouble::Expired => "the broker's certificate has expired",
            Trouble::Revoked => "the broker's certificate is revoked by broker.crl-file",
        };
        for (who, since) in [("agent", agent), ("collector", collector)] {
            ward.await_said(who, since, &["not connected", said]);
            let checked = ward.check(who);
            assert!(checked.lines().any(|line| line.starts_with("problem") && line.contains(said)), "{checked}");
        }
        assert_eq!(ward.stored_cases(), before, "{trouble:?}: nothing came");

        ward.broker.go_down();
        ward.broker.authority.broker(serial + 1, Validity::Now).write(&ward.broker.dir, "broker");
        ward.broker.come_up();
        ward.await_all_stored();
    }
    assert!(ward.outbox().contains("lost      0"), "{}", ward.outbox());
}

/// An agent that speaks plainly to the port for TLS, or TLS to the plain one, is told which key is wrong.
pub fn a_mixed_up_port_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let broker = ShippedBroker::start(dir.path(), GATEWAY, &["th-1"]);
    let (shown, authority) = (dir.path().display(), format!("ca-file = '{}/ca.pem'\n", dir.path().display()));
    for (port, tls, said) in [
        (broker.tls_port, "", "(is broker.port its port for TLS? then set broker.ca-file)"),
        (broker.port, authority.as_str(), "or is broker.port not its port for TLS?)"),
        (broker.tls_port, authority.as_str(), "(set broker.certificate-file and broker.key-file"),
    ] {
        let file = dir.path().join("agent.toml");
        let text = format!(
            "trust = 'north'\nsite = 'main'\nagent = 'th-1'\ndata-dir = '{shown}/data'\n\
             [broker]\nhost = '127.0.0.1'\nport = {port}\n{tls}[collectors]\nrequired = ['c1']\n"
        );
        fs::write(&file, text).expect("written");
        let checked = run(agent().args(["check", "--config"]).arg(&file));
        assert_eq!(checked.code, Some(1));
        assert!(
            checked.out.lines().any(|line| line.starts_with("problem broker ") && line.contains(said)),
            "{}",
            checked.out
        );
    }
}

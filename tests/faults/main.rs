//! Real processes on the real cases, killed, cut off and starved: nothing is lost, nothing counts twice.
//!
//! ```sh
//! cargo test -p touchtime-tests --test faults                             # 3 rounds of each, as in CI
//! TOUCHTIME_FAULT_ROUNDS=20 cargo test -p touchtime-tests --test faults   # by hand
//! TOUCHTIME_FAULT_SEED=7 TOUCHTIME_FAULT_ROUNDS=1 cargo test ...          # the round that failed, again
//! ```
//! Faults strike at random places of the transfer, counted in bytes, which the seed repeats; how processes interleave
//! is up to the machine.

#![allow(clippy::disallowed_methods, reason = "tests wait for real processes with real deadlines")]

mod disks;
mod kills;
mod lines;
mod oracle;
mod proxies;

use libtest_mimic::{Arguments, Failed, Trial};
use touchtime_tests::disk::Disk;
use touchtime_tests::peer::Peer;
use touchtime_tests::plant::Broker;

fn main() -> std::process::ExitCode {
    let mut arguments = Arguments::from_args();
    // Each trial runs several processes on two cores.
    arguments.test_threads.get_or_insert(1);
    let trials = [
        test("the_proxy_passes_whole_packets_and_counts_them", proxies::fair),
        test("the_proxy_cuts_a_line_and_refuses_others_until_it_is_fair", proxies::cut),
        test("the_proxy_holds_a_half_open_line_and_closes_it_when_it_is_fair", proxies::half_open),
        test("the_proxy_holds_every_packet_up", proxies::slow),
        test("the_proxy_confirms_a_message_and_throws_it_away", proxies::lies),
        test("killed_agents_report_each_observation_once", kills::agents),
        test("a_killed_collector_ends_with_the_figures_of_one_that_lived", kills::collector),
        test("a_killed_embedded_broker_costs_nothing", || kills::broker(Broker::Embedded, false)),
        mosquitto("a_killed_mosquitto_costs_nothing", || kills::broker(Broker::Mosquitto, false)),
        mosquitto("a_killed_mosquitto_that_comes_back_with_its_state_costs_nothing", || {
            kills::broker(Broker::PersistentMosquitto, false)
        }),
        mosquitto("a_mosquitto_whose_state_is_wiped_costs_nothing", || {
            kills::broker(Broker::PersistentMosquitto, true)
        }),
        test("everything_killed_at_once_costs_nothing", kills::everything),
        test("a_line_that_is_cut_again_and_again_costs_nothing", lines::cut),
        test("a_half_open_line_is_noticed_and_costs_nothing", lines::half_open),
        test("a_line_of_40_ms_there_and_back_costs_nothing", lines::slow),
        test("messages_confirmed_and_thrown_away_cost_nothing", lines::lies),
        mounting("agents_on_a_full_disk_wait_and_lose_nothing", disks::agents),
        mounting("a_collector_on_a_full_disk_waits_and_loses_nothing", disks::collector),
    ];
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

fn test(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || -> Result<(), Failed> {
        body();
        Ok(())
    })
}

fn mounting(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    if !Disk::can_mount() {
        return test(&format!("{name} (this user may not mount a disk)"), body).with_ignored_flag(true);
    }
    test(name, body)
}

fn mosquitto(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    if Peer::Mosquitto.may_skip() {
        return test(&format!("{name} (mosquitto is not installed)"), body).with_ignored_flag(true);
    }
    test(name, body)
}

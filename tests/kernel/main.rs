//! A gateway machine with Debian's kernel and a simulated GPIO chip, its power cut, its network poor, its clock wrong: what
//! the agent on it said is kept arrives at a real collector, at the right times.
//!
//! ```sh
//! cargo test -p touchtime-tests --test kernel                                # as in CI: 5 power cuts
//! TOUCHTIME_POWER_CUTS=50 cargo test -p touchtime-tests --test kernel power  # by hand
//! TOUCHTIME_FAULT_SEED=7 cargo test ...                                      # the moments that failed, again
//! ```

#![allow(clippy::disallowed_methods, reason = "tests wait for real machines with real deadlines")]

mod clocks;
mod disks;
mod edges;
mod power;
mod site;

use libtest_mimic::{Arguments, Failed, Trial};
use touchtime_tests::peer::Peer;

fn main() -> std::process::ExitCode {
    let mut arguments = Arguments::from_args();
    // Each trial emulates a processor.
    arguments.test_threads.get_or_insert(1);
    let trials = [
        test("two_thousand_edges_all_arrive_within_5_ms", edges::all_arrive),
        test("bounce_is_ignored", edges::bounce_is_ignored),
        test("a_poor_network_loses_no_edge", edges::a_poor_network_loses_none),
        test("what_a_clock_of_the_year_2000_stamped_is_placed_by_running_time", clocks::year_2000),
        test("what_a_clock_ten_years_ahead_stamped_is_placed_by_running_time", clocks::ten_years_ahead),
        test("a_full_disk_is_told_by_the_light_and_counted", disks::full),
        test("a_power_cut_loses_no_confirmed_press", power::no_confirmed_press_is_lost),
    ];
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

fn test(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    let is_missing = Peer::Machine.may_skip();
    let shown = if is_missing { format!("{name} (no machine can be booted: see .ci/run)") } else { name.to_owned() };
    let run = move || -> Result<(), Failed> {
        body();
        Ok(())
    };
    Trial::test(shown, run).with_ignored_flag(is_missing)
}

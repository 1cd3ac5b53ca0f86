//! Searches for inputs that a reader cannot bear, for a time or a number of inputs.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a command that runs for a given time and tells its result"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use touchtime_fuzz::{Finding, Search, Target, check, corpus};

/// Searches for inputs that panic or that are read otherwise than they were written. What is found is cut down and kept in
/// the target's corpus.
#[derive(Debug, Parser)]
#[command(name = "touchtime-fuzz", max_term_width = 110)]
struct Arguments {
    /// What to feed; all in turn by default.
    #[arg(long)]
    target: Option<Target>,
    /// How long each target is fed.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Where the search starts: the same seed makes the same inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Searches side by side, each with a seed of its own.
    #[arg(long, default_value_t = 1)]
    jobs: u64,
    /// Reads these files only, and tells what comes of them.
    #[arg(long, value_name = "FILE", requires = "target", num_args = 1..)]
    input: Vec<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(target) = arguments.target.filter(|_| !arguments.input.is_empty()) {
        return told(target, &arguments.input);
    }
    let mut clean = true;
    for target in arguments.target.map_or(Target::ALL.to_vec(), |one| vec![one]) {
        clean &= searched(target, &arguments)?;
    }
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn told(target: Target, files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut clean = true;
    for file in files {
        let input = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        match check(target.fed(), &input) {
            Ok(outcome) => println!("{}: {outcome}", file.display()),
            Err(failure) => {
                clean = false;
                println!("{}: PANIC at {}: {}", file.display(), failure.place, failure.message);
            }
        }
    }
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Feeds one target; true if nothing was found.
fn searched(target: Target, arguments: &Arguments) -> anyhow::Result<bool> {
    let inputs: Vec<Vec<u8>> = corpus::inputs(target)?.into_iter().map(|(_, input)| input).collect();
    let until = Instant::now() + Duration::from_secs(arguments.seconds);
    let jobs: Vec<anyhow::Result<Job>> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..arguments.jobs.max(1))
            .map(|job| {
                let (inputs, seed) = (inputs.clone(), arguments.seed.wrapping_add(job));
                scope.spawn(move || one_job(target, inputs, seed, until))
            })
            .collect();
        started.into_iter().filter_map(|job| job.join().ok()).collect()
    });
    let (mut read, mut kinds, mut clean) = (0, 0, true);
    for job in jobs {
        let job = job?;
        read += job.inputs;
        kinds = kinds.max(job.kinds);
        if let Some(finding) = job.finding {
            clean = false;
            let file = corpus::keep(target, &finding.input)?;
            println!("{}: PANIC at {}: {}", target.name(), finding.failure.place, finding.failure.message);
            println!("  kept as {} ({} bytes)", file.display(), finding.input.len());
        }
    }
    let peak = peak_memory().map_or_else(String::new, |mib| format!(", peak memory {mib} MiB so far"));
    println!(
        "{}: {read} inputs from {} kept ones, {kinds} kinds of outcome, seed {}{peak}",
        target.name(),
        inputs.len(),
        arguments.seed
    );
    Ok(clean)
}

struct Job {
    inputs: u64,
    kinds: usize,
    finding: Option<Finding>,
}

fn one_job(target: Target, inputs: Vec<Vec<u8>>, seed: u64, until: Instant) -> anyhow::Result<Job> {
    // A stack that overflows ends the process at once; the input then lies here.
    let current = std::env::temp_dir().join(format!("touchtime-fuzz-{}-{}-{seed}", std::process::id(), target.name()));
    let mut search = Search::new(target.fed(), inputs, seed);
    let mut finding = None;
    while finding.is_none() && Instant::now() < until {
        let input = search.next_input();
        std::fs::write(&current, &input).with_context(|| format!("{} cannot be written", current.display()))?;
        finding = search.read(input).err();
    }
    std::fs::remove_file(&current)?;
    Ok(Job { inputs: search.inputs, kinds: search.kinds(), finding })
}

/// Where the system tells it.
fn peak_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? / 1024)
}

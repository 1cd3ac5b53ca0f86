//! Hostile input for every reader of bytes: wire, topics, extracts, configurations.
//!
//! Each [`Target`] reads bytes as the programs do and holds what it reads to its promises, such as that an event which was
//! read is written and read again as the same. Inputs are made from a kept corpus by [`mutate`], with a generator of fixed
//! seed, so a failure comes again. What keeps an input is that its [`Outcome`] is of a kind not met before: kinds stand in
//! for coverage, which a stable compiler does not hand to safe code.
//!
//! A finding is cut down by [`minimise`] and belongs into the corpus with the fix.

pub mod corpus;
mod hl7;
pub mod mutate;
pub mod random;
pub mod targets;

use std::cell::Cell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

pub use random::Random;
pub use targets::Target;

/// What came of an input: a name of its kind, equal for inputs that went the same way.
pub type Outcome = String;

/// A reader of bytes, and how inputs for it are made.
#[derive(Debug, Clone, Copy)]
pub struct Fed {
    /// Reads an input and checks what was read; panics are findings.
    pub read: fn(&[u8]) -> Outcome,
    /// Words that it looks for.
    pub words: &'static [&'static [u8]],
    /// The longest input that is made.
    pub longest: usize,
}

/// A panic, of the reader or of a check on what it read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// File and line.
    pub place: String,
    /// Its message.
    pub message: String,
}

thread_local! {
    static CAUGHT: Cell<Option<String>> = const { Cell::new(None) };
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// Reads one input.
pub fn check(fed: Fed, input: &[u8]) -> Result<Outcome, Failure> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if WATCHED.get() {
                CAUGHT.set(panic.location().map(ToString::to_string));
            } else {
                usual(panic);
            }
        }));
    });
    WATCHED.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| (fed.read)(input)));
    WATCHED.set(false);
    result.map_err(|panic| Failure {
        place: CAUGHT.take().unwrap_or_default(),
        message: panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default(),
    })
}

/// The search from one seed: inputs of the corpus and what was found to be new.
#[derive(Debug)]
pub struct Search {
    fed: Fed,
    random: Random,
    pool: Vec<Vec<u8>>,
    kinds: HashSet<Outcome>,
    /// How many inputs were read.
    pub inputs: u64,
}

/// An input that fails, and how.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The input, cut down.
    pub input: Vec<u8>,
    /// The panic.
    pub failure: Failure,
}

impl Search {
    /// Starts from these inputs.
    pub fn new(fed: Fed, corpus: Vec<Vec<u8>>, seed: u64) -> Self {
        let pool = if corpus.is_empty() { vec![Vec::new()] } else { corpus };
        Self { fed, random: Random::new(seed), pool, kinds: HashSet::new(), inputs: 0 }
    }

    /// How many kinds of outcome were met.
    pub fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// Makes the next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        mutate::mutated(&mut self.random, &self.pool, self.fed.words, self.fed.longest)
    }

    /// Reads an input, and keeps it if it is of a new kind.
    pub fn read(&mut self, input: Vec<u8>) -> Result<(), Finding> {
        self.inputs += 1;
        match check(self.fed, &input) {
            Ok(outcome) => {
                if self.kinds.insert(outcome) && self.pool.len() < corpus::MAX_POOL {
                    self.pool.push(input);
                }
                Ok(())
            }
            Err(failure) => Err(Finding { input: minimise(self.fed, input, &failure), failure }),
        }
    }

    /// Makes and reads so many inputs.
    pub fn run(&mut self, inputs: u64) -> Result<(), Finding> {
        for _ in 0..inputs {
            let input = self.next_input();
            self.read(input)?;
        }
        Ok(())
    }
}

/// Leaves out what does not matter for the failure: ever smaller pieces, as long as the same place still panics.
pub fn minimise(fed: Fed, mut input: Vec<u8>, failure: &Failure) -> Vec<u8> {
    const MOST_TRIES: u32 = 5_000;
    let mut tries = 0;
    let mut size = input.len() / 2;
    while size > 0 && tries < MOST_TRIES {
        let mut at = 0;
        while at < input.len() && tries < MOST_TRIES {
            let mut shorter = input.clone();
            shorter.drain(at..(at + size).min(input.len()));
            tries += 1;
            if check(fed, &shorter).is_err_and(|found| found.place == failure.place) {
                input = shorter;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    input
}

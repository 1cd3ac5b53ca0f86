//! Every kept input, and a bounded search from a fixed seed: the same inputs each time.

use touchtime_fuzz::{Fed, Search, Target, check, corpus};

/// Inputs made for each target; `touchtime-fuzz` makes as many as there is time for.
fn bounded(target: Target) -> u64 {
    match target {
        Target::Event | Target::Ack | Target::Status | Target::Topic => 20_000,
        Target::Batch => 5_000,
        Target::DicomUnit => 5_000,
        Target::DicomMessage => 20_000,
        Target::Extract | Target::Hl7 | Target::GatewayConfig | Target::AgentConfig => 2_000,
    }
}

#[test]
fn every_kept_input_is_read_or_refused() {
    for target in Target::ALL {
        let inputs = corpus::inputs(target).unwrap();
        assert!(!inputs.is_empty(), "{} has no corpus", target.name());
        for (file, input) in inputs {
            if let Err(failure) = check(target.fed(), &input) {
                panic!("{}: panicked at {}: {}", file.display(), failure.place, failure.message);
            }
        }
    }
}

#[test]
fn the_corpus_has_inputs_that_are_read_and_inputs_that_are_refused() {
    for target in Target::ALL {
        let outcomes: Vec<String> = corpus::inputs(target)
            .unwrap()
            .into_iter()
            .filter_map(|(_, input)| check(target.fed(), &input).ok())
            .collect();
        let refused = outcomes.iter().filter(|outcome| outcome.starts_with("refused")).count();
        assert!(refused > 0 && refused < outcomes.len(), "{}: {refused} of {} refused", target.name(), outcomes.len());
    }
}

#[test]
fn made_inputs_are_read_or_refused() {
    for target in Target::ALL {
        let inputs = corpus::inputs(target).unwrap().into_iter().map(|(_, input)| input).collect();
        let mut search = Search::new(target.fed(), inputs, 1);
        if let Err(finding) = search.run(bounded(target)) {
            let input = String::from_utf8_lossy(&finding.input).into_owned();
            let failure = finding.failure;
            panic!("{}: panicked at {}: {}\non {input:?}", target.name(), failure.place, failure.message);
        }
        assert!(search.kinds() > 1, "{}: all inputs went one way", target.name());
    }
}

#[test]
fn a_seed_makes_the_same_inputs() {
    let made = |seed: u64| {
        let mut search = Search::new(Target::Event.fed(), vec![b"{\"v\":1}".to_vec()], seed);
        (0..50).map(|_| search.next_input()).collect::<Vec<_>>()
    };
    assert_eq!(made(7), made(7));
    assert_ne!(made(7), made(8));
}

#[test]
fn a_panic_is_found_and_its_input_cut_down() {
    fn brittle(input: &[u8]) -> String {
        let at = input.windows(4).position(|window| window == b"[{\"}");
        assert!(at.is_none(), "brackets in a row");
        format!("{}", input.len() / 8)
    }
    let fed = Fed { read: brittle, words: &[b"[{", b"\"}"], longest: 200 };
    let mut search = Search::new(fed, vec![b"{\"a\":[1,2,{\"b\":3}]}".to_vec()], 3);
    let finding = search.run(100_000).unwrap_err();
    assert_eq!((finding.input.as_slice(), finding.failure.message.as_str()), (&b"[{\"}"[..], "brackets in a row"));
}

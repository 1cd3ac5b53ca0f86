//! The documents say which file and which test holds a rule: those must exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use touchtime_tests::programs::root;

/// Names in back-quotes as long as only a test's are; shorter ones are fields, crates and the like.
const SHORTEST_NAME: usize = 24;

pub fn what_the_documents_say_holds_a_rule_is_there() {
    let mut source = String::new();
    for folder in ["firmware", "gateway", "tests"] {
        read_rust(&root().join(folder), &mut source);
    }
    let words: BTreeSet<&str> = source.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let mut wanting = Vec::new();
    let mut rules = 0;
    for document in ["docs/delivery.md", "docs/architecture.md", "docs/capacities.md"] {
        let text = fs::read_to_string(root().join(document)).expect("a document");
        // Between back-quotes is every second part of a line; a fence is three of them.
        for quoted in text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)) {
            let is_name = quoted.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            let is_there = if quoted.contains("/src/") && quoted.ends_with(".rs") {
                ["firmware", "gateway"].iter().any(|half| root().join(half).join(quoted).is_file())
            } else if is_name && quoted.len() >= SHORTEST_NAME {
                words.contains(quoted)
            } else {
                continue;
            };
            rules += 1;
            if !is_there {
                wanting.push(format!("{document}: {quoted}"));
            }
        }
    }
    assert!(rules > 80, "{rules} files and tests are named");
    assert!(wanting.is_empty(), "not in the sources: {wanting:#?}");
}

fn read_rust(folder: &Path, source: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_rust(&path, source);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            source.push_str(&fs::read_to_string(&path).expect("text"));
        }
    }
}

//! The contract, the agent's core and the delivery rules without std.

use std::process::Command;

use touchtime_tests::programs::root;

/// What a day at the panel may take of the stack: two batches, an outbox of 64 events and a collector are on it.
const MOST_STACK_BYTES: usize = 160 * 1024;

pub fn links_and_runs() {
    let target = root().join("target/no-std");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--locked", "--target-dir"])
        .arg(&target)
        .current_dir(root().join("tests/no-std"))
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let program = target.join("release/no-std-proof");
    let output = Command::new(&program).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "what arrived is what was confirmed");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(said.contains(r#""name":"procedure_start""#), "{said}");
    assert!(said.contains(" not saved\n"), "{said}");
    let stack = said.lines().find_map(|line| line.strip_prefix("stack used: ")?.strip_suffix(" bytes")?.parse().ok());
    let stack: usize = stack.unwrap_or_else(|| panic!("no stack use in {said}"));
    assert!((1..MOST_STACK_BYTES).contains(&stack), "{stack} bytes of stack");
    let bytes = std::fs::read(&program).expect("the program");
    for name in ["std::", "alloc::", "libc.so", "__rust_alloc"] {
        let found = bytes.windows(name.len()).any(|window| window == name.as_bytes());
        assert!(!found, "{name} is linked");
    }
    touchtime_tests::programs::note(&format!(
        "the program without std has {} bytes and used {stack} bytes of stack",
        bytes.len()
    ));
}

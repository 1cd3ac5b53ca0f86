//! The contract crate without std.

use std::process::Command;

use touchtime_tests::programs::root;

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
    assert_eq!(output.status.code(), Some(0), "what was decoded equals what was encoded");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(said.contains(r#""name":"procedure_start""#), "{said}");
    let bytes = std::fs::read(&program).expect("the program");
    for name in ["std::", "alloc::", "libc.so", "__rust_alloc"] {
        let found = bytes.windows(name.len()).any(|window| window == name.as_bytes());
        assert!(!found, "{name} is linked");
    }
    touchtime_tests::programs::note(&format!("the program without std has {} bytes", bytes.len()));
}

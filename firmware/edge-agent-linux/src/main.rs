//! `touchtime-agent`; see [`edge_agent_linux::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    edge_agent_linux::cli::main(std::env::args_os())
}

//! The agent reads names and numbers and lets only tokens go: nor may an image of its memory, which a crash would leave on
//! the disk, hold them.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// From now on no core file is written and no other user's program may look into this one. It goes on where the system
/// refuses either, and says so.
pub fn keep_private() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    for (what, done) in [
        ("a core file", setrlimit(Resource::Core, none)),
        ("another program's look into memory", set_dumpable_behavior(DumpableBehavior::NotDumpable)),
    ] {
        if let Err(error) = done {
            tracing::warn!(%error, "{what} cannot be prevented: a crash may leave names on this disk");
        }
    }
}

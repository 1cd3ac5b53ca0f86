//! What is told of a panic: where it was, never its words. They may hold a piece of what was read, and so a name.

use std::panic::Location;

/// From now on a panic is told by its place in the program alone.
pub fn tell_places_only() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), Location::to_string);
        tracing::error!(place, "something was not foreseen; what it was at is given up (this is a fault of Touchtime)");
    }));
}

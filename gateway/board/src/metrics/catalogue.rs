//! Every metric there is: name, unit, labels and meaning. The order is that of the exposition and of the manual.
//!
//! Labels are bounded by what is installed: trusts, sites, rooms, agents and fixed words. No case, list, person or date is
//! ever one. A name says its base unit; a rate is told by its sums as well, because shares of rooms must not be averaged.

use super::exposition::{Family, Kind};

macro_rules! families {
    ($($id:ident: $kind:ident $name:literal [$unit:literal] ($($label:literal)*) $help:literal;)+) => {
        $(pub(crate) static $id: Family = Family {
            name: $name,
            kind: Kind::$kind,
            unit: $unit,
            labels: &[$($label),*],
            help: $help,
        };)+

        /// All of them, in order.
        pub(crate) static ALL: &[&Family] = &[$(&$id),+];
    };
}

families! {
    BUILD: Info "touchtime_build_info" [""] ("version" "rule_set")
        "The program and the rule set of its headline.";
    FIGURES_AVAILABLE: Gauge "touchtime_figures_available" [""] ()
        "1 while today's figures of the rooms can be computed; 0 also before any room was heard of.";
    VIEWERS: Gauge "touchtime_viewers" [""] ()
        "Open event streams of the board.";

    BROKER_CONNECTED: Gauge "touchtime_broker_connected" [""] ()
        "1 while the collector is connected to its broker.";
    BROKER_CONNECTIONS: Counter "touchtime_broker_connections_total" [""] ()
        "Connections to the broker that were made.";
    BATCHES: Counter "touchtime_batches_total" [""] ()
        "Batches of events taken from the broker and worked through.";
    EVENTS: Counter "touchtime_events_total" [""] ("outcome")
        "Events by what became of them: stored, duplicate, conflict, quarantined, refused (too far ahead of their stream).";
    GONE: Counter "touchtime_events_given_up_total" [""] ()
        "Events that an agent gave up before they arrived.";
    ERRORS: Counter "touchtime_errors_total" [""] ("kind")
        "What went wrong: storing, status (unreadable word of an agent), topic (no agent's), no_room (more at once than is taken).";
    LAST_STORED: Gauge "touchtime_last_stored_timestamp_seconds" ["seconds"] ()
        "When events were last stored since the collector started, by its machine's clock.";

    LAST_EVENT: Gauge "touchtime_last_event_timestamp_seconds" ["seconds"] ()
        "Event time of the newest event in the store, signs of life among them.";
    HELD: Gauge "touchtime_store_held_events" [""] ("reason")
        "Kept in the store and in no figure: quarantined, not_kept (unreadable beyond what is kept), conflict, given_up.";
    STORE_SIZE: Gauge "touchtime_store_size_bytes" ["bytes"] ()
        "Length of the store's database and its log.";
    DISK_FREE: Gauge "touchtime_store_disk_free_bytes" ["bytes"] ()
        "What the store's file system has left for the collector.";
    DISK_SIZE: Gauge "touchtime_store_disk_size_bytes" ["bytes"] ()
        "Size of the store's file system.";
    CERTIFICATE: Gauge "touchtime_certificate_expiry_timestamp_seconds" ["seconds"] ("file")
        "Until when the certificate in a file that the configuration names is valid.";

    AGENT: Info "touchtime_agent_info" [""] ("trust" "site" "agent" "version")
        "An agent and its version.";
    AGENT_ONLINE: Gauge "touchtime_agent_online" [""] ("trust" "site" "agent")
        "1 while the broker holds the agent for connected.";
    AGENT_SAID: Gauge "touchtime_agent_status_timestamp_seconds" ["seconds"] ("trust" "site" "agent")
        "When the agent last told how it is, by its own clock.";
    AGENT_WAITING: Gauge "touchtime_agent_waiting_events" [""] ("trust" "site" "agent")
        "Events in the agent's outbox that a required collector has not acknowledged.";
    AGENT_OLDEST: Gauge "touchtime_agent_oldest_waiting_timestamp_seconds" ["seconds"] ("trust" "site" "agent")
        "When the oldest waiting event was captured; absent while none waits.";
    AGENT_LOST: Counter "touchtime_agent_lost_observations_total" [""] ("trust" "site" "agent")
        "Observations that the agent counted as lost since its outbox was made.";
    AGENT_REFUSED: Gauge "touchtime_agent_refused_publishes" [""] ("trust" "site" "agent")
        "Publishes that the broker refused on the agent's connection.";
    AGENT_CLOCK: Gauge "touchtime_agent_clock" [""] ("trust" "site" "agent" "quality")
        "1 for how far the agent's clock can be believed: synchronised, holdover, unset, external.";
    AGENT_OFFSET: Gauge "touchtime_agent_clock_offset_seconds" ["seconds"] ("trust" "site" "agent")
        "How far the agent's clock is ahead of the collector's, less the time that its last word was under way.";

    ROOM: Info "touchtime_room_info" [""] ("trust" "site" "room" "kind" "name")
        "A room that is configured or was heard of, and what it is.";
    ROOM_HEARD: Gauge "touchtime_room_last_heard_timestamp_seconds" ["seconds"] ("trust" "site" "room")
        "Event time of the room's newest event or sign of life.";
    ROOM_STATE: Gauge "touchtime_room_state" [""] ("trust" "site" "room" "state")
        "1 for what the board shows of the room; unknown while its feed is silent.";

    LISTS: Gauge "touchtime_theatre_lists" [""] ("trust" "site" "room" "list_kind" "state")
        "Today's lists: planned, running, closed, unused, cancelled.";
    PLANNED: Gauge "touchtime_theatre_planned_seconds" ["seconds"] ("trust" "site" "room" "list_kind")
        "Planned time of today's lists, unused and cancelled ones left out: the denominator.";
    CAPPED: Gauge "touchtime_theatre_capped_seconds" ["seconds"] ("trust" "site" "room" "list_kind")
        "Of that, time in use so far, as the rule set counts it: the numerator.";
    CAPPED_BEST: Gauge "touchtime_theatre_capped_best_seconds" ["seconds"] ("trust" "site" "room" "list_kind")
        "The most that the numerator can still become; absent where the rule set has no such bound.";
    UNKNOWN: Gauge "touchtime_theatre_unknown_seconds" ["seconds"] ("trust" "site" "room" "list_kind")
        "Of the planned time so far, what nothing is known of.";
    UTILISATION: Gauge "touchtime_theatre_capped_utilisation_ratio" ["ratio"] ("trust" "site" "room" "list_kind")
        "Numerator over denominator, 1 for 100 %, once a case has started.";
    UTILISATION_TARGET: Gauge "touchtime_theatre_capped_utilisation_target_ratio" ["ratio"] ("trust" "site" "room" "list_kind")
        "The target, for the lists that have one: elective ones of operating theatres.";
    CASES_BOOKED: Gauge "touchtime_theatre_cases_booked" [""] ("trust" "site" "room" "list_kind")
        "Cases booked on today's lists.";
    CASES_COMPLETED: Gauge "touchtime_theatre_cases_completed" [""] ("trust" "site" "room" "list_kind")
        "Cases completed on today's lists.";
    LATE_START: Gauge "touchtime_theatre_late_start_seconds" ["seconds"] ("trust" "site" "room" "list_kind")
        "How late today's lists began, or are by now, added up; absent before any was due and while the feed is silent.";
    OVERRUN: Gauge "touchtime_theatre_overrun_seconds" ["seconds"] ("trust" "site" "room" "list_kind")
        "How far today's lists ran past their planned end, or have by now, added up; absent before any ended.";

    SCANNER_SESSIONS: Gauge "touchtime_scanner_sessions" [""] ("trust" "site" "room" "state")
        "Today's scanner sessions: planned, running, closed, unused, cancelled.";
    SCANNER_EXAMS: Gauge "touchtime_scanner_exams" [""] ("trust" "site" "room")
        "Exams that ended inside today's sessions.";
    SCANNER_ELAPSED: Gauge "touchtime_scanner_elapsed_seconds" ["seconds"] ("trust" "site" "room")
        "Operational time of today's sessions so far.";
    SCANNER_OBSERVED: Gauge "touchtime_scanner_observed_seconds" ["seconds"] ("trust" "site" "room")
        "Of that, time with a live feed or a known exam.";
    SCANNER_OCCUPIED: Gauge "touchtime_scanner_occupied_seconds" ["seconds"] ("trust" "site" "room")
        "Of the operational time, time in use.";
    SCANNER_RATE: Gauge "touchtime_scanner_exams_per_hour" [""] ("trust" "site" "room")
        "Exams per observed operational hour; absent where too little was observed.";
    SCANNER_TARGET: Gauge "touchtime_scanner_exams_per_hour_target" [""] ("trust" "site" "room")
        "The target, where the room has one.";
    SCANNER_SHORT: Gauge "touchtime_scanner_exams_short_of_target" [""] ("trust" "site" "room")
        "Whole exams by which the room is behind its target.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_follow_the_conventions() {
        let mut seen = BTreeSet::new();
        for family in ALL {
            let name = family.name;
            assert!(seen.insert(name), "{name} is there twice");
            assert!(name.starts_with("touchtime_"), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), family.kind == Kind::Counter, "{name}");
            assert_eq!(name.ends_with("_info"), family.kind == Kind::Info, "{name}");
            assert!(["", "seconds", "bytes", "ratio"].contains(&family.unit), "{name}");
            assert!(family.base().ends_with(family.unit), "{name} does not end in its unit");
            assert!(family.help.ends_with('.') && !family.help.contains(['\\', '"', '\n']), "{name}");
            for label in family.labels {
                assert!(!["case", "list", "session", "date", "token"].contains(label), "{name}: {label} has no bound");
            }
        }
    }
}

//! The measurements: names, tags, fields and units. Grafana's dashboards ask for these names: only append.

/// What a field counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A whole number of things.
    Count,
    /// 1 or 0.
    Flag,
    /// A whole number that stands for a word.
    Code,
    /// Minutes, with a fraction.
    Minutes,
    /// Seconds, with a fraction.
    Seconds,
    /// A share of 1, or a value in the measure's own unit.
    Value,
    /// So many an hour.
    PerHour,
    /// A text.
    Text,
}

impl Unit {
    /// Its name in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Flag => "0 or 1",
            Self::Code => "code",
            Self::Minutes => "minutes",
            Self::Seconds => "seconds",
            Self::Value => "number",
            Self::PerHour => "per hour",
            Self::Text => "text",
        }
    }

    /// The type that InfluxDB keeps it as.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Count | Self::Flag | Self::Code => Kind::Integer,
            Self::Minutes | Self::Seconds | Self::Value | Self::PerHour => Kind::Float,
            Self::Text => Kind::String,
        }
    }
}

/// InfluxDB's types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 64-bit integer.
    Integer,
    /// 64-bit float.
    Float,
    /// Text.
    String,
}

impl Kind {
    /// Its name in InfluxDB.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Float => "float",
            Self::String => "string",
        }
    }
}

/// A tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// Its key.
    pub name: &'static str,
    /// What it says.
    pub about: &'static str,
}

/// A field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its key.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// What it says.
    pub about: &'static str,
}

/// A measurement.
#[derive(Debug, PartialEq, Eq)]
pub struct Measurement {
    /// Its name.
    pub name: &'static str,
    /// What a point is.
    pub about: &'static str,
    /// What the point's time is.
    pub time: &'static str,
    /// Its tags; those that do not apply are left out of a point.
    pub tags: &'static [Tag],
    /// Its fields; a point has all but those that do not apply.
    pub fields: &'static [Field],
}

macro_rules! tags {
    ($($name:ident: $about:literal,)*) => { &[$(Tag { name: stringify!($name), about: $about },)*] };
}

macro_rules! fields {
    ($($name:ident $unit:ident: $about:literal,)*) => {
        &[$(Field { name: stringify!($name), unit: Unit::$unit, about: $about },)*]
    };
}

/// One theatre list.
pub static LIST: Measurement = Measurement {
    name: "touchtime_list",
    about: "One theatre list. Add up the fields of lists with `measured` = 1 and divide: capped utilisation is \
            `sum(counted_min) / sum(planned_min)`.",
    time: "planned start of the frozen plan",
    tags: tags! {
        trust: "trust",
        site: "site",
        room: "room",
        room_kind: "theatre, cath_lab or endoscopy",
        specialty: "specialty of the frozen plan; `none` where it has none",
        list_kind: "elective or emergency",
        rule_set: "the rule set of the figures",
        place: "1; 2 for a second list of the same room and start",
    },
    fields: fields! {
        sessions Count: "1; 0 for a list that is no more, whose other fields are 0 as well",
        measured Flag: "closed, with a started case and a plan that has a length: in the rates",
        running Flag: "begun or due and not yet closed: figures count up to now",
        unused Flag: "closed without a started case",
        cancelled Flag: "withdrawn too late to give the time to others",
        complete Flag: "no open, rejected or end-only case",
        planned_min Minutes: "planned minutes",
        counted_min Minutes: "capped minutes of the rule set's own variant: the numerator of the headline",
        capped_min Minutes: "union of touch inside the plan (`window`)",
        capped_sum_min Minutes: "sum of touch inside the plan (`sum`)",
        capped_duration_min Minutes: "touch cut off at the planned length (`duration`)",
        touch_min Minutes: "touch, wherever it lies",
        unknown_min Minutes: "time inside the plan that is taken and not known to be touch",
        overlap_min Minutes: "touch less the length of its union",
        capped_best_min Minutes: "the most that capped can still reach",
        remaining_min Minutes: "planned minutes still to come",
        late_start_min Minutes: "planned start to first touch",
        late_start_known Flag: "the late start is known",
        late_due_to_previous_min Minutes: "the part of it during which a case of another list had the room",
        early_start_min Minutes: "first touch before the planned start",
        early_finish_min Minutes: "last end to planned end",
        early_finish_known Flag: "the early finish is known for certain",
        overrun_min Minutes: "planned end to last end",
        overrun_known Flag: "the overrun is known",
        late_start_flag Flag: "late by more than the rule set's threshold",
        early_finish_flag Flag: "finished early by more than the rule set's threshold",
        overrun_flag Flag: "overran by more than the rule set's threshold",
        gaps_min Minutes: "turnovers, clipped to the plan",
        turnovers Count: "known turnovers",
        turnover_min Minutes: "their sum",
        cases_booked Count: "on the list at local 00:00 of its date, or added later",
        cases_started Count: "started",
        cases_completed Count: "completed",
        cases_cancelled_on_day Count: "cancelled on the day, all reasons",
        cases_cancelled_qmco_like Count: "of these, by the hospital for non-clinical reasons",
        day_cases Count: "completed elective cases that were day cases",
        inpatients Count: "completed elective cases that were inpatients",
        flags Count: "how many quality flags it has",
        quality Text: "its quality flags, separated by spaces",
        state Text: "planned, running, closed, unused or cancelled; empty for a list that is no more",
        session_id Text: "its id, for `touchtime explain` and the audit page",
    },
};

/// What a room did from an instant on.
pub static ROOM_STATE: Measurement = Measurement {
    name: "touchtime_room_state",
    about: "What a room did from this instant until its next point: for state timelines.",
    time: "the instant of the change",
    tags: tags! {
        trust: "trust",
        site: "site",
        room: "room",
        room_kind: "what the room is",
    },
    fields: fields! {
        state Text: "idle, unknown, in_use, procedure or scanning",
        state_code Code: "0 idle, 1 unknown, 2 in use, 3 procedure or scanning",
    },
};

/// One planned session of a scanner.
pub static SCAN_SESSION: Measurement = Measurement {
    name: "touchtime_scan_session",
    about: "One planned session of a scanner. Exams an hour are \
            `60 * sum(exams) / sum(observed_min)` over sessions with `enough_observed` = 1.",
    time: "planned start",
    tags: tags! {
        trust: "trust",
        site: "site",
        room: "scanner",
        room_kind: "mri, ct, nous or echo",
        rule_set: "the rule set of the figures",
        place: "1; 2 for a second session of the same room and start",
    },
    fields: fields! {
        sessions Count: "1; 0 for a session that is no more, whose other fields are 0 as well",
        running Flag: "figures count up to now",
        enough_observed Flag: "enough was observed for a rate",
        open_min Minutes: "planned minutes",
        staffed_min Minutes: "open less staff breaks",
        operational_min Minutes: "staffed less clean-down, QA, service and downtime",
        elapsed_min Minutes: "operational minutes up to now",
        observed_min Minutes: "of these, with a live feed or a known step",
        unknown_min Minutes: "operational time covered only by steps without an end",
        exams Count: "exams that count: completed and inferred",
        exams_completed Count: "completed inside the plan",
        exams_inferred Count: "of which the end is inferred from the last image",
        exams_provisional Count: "begun, neither ended nor taken to have",
        exams_discontinued Count: "of which nothing was completed",
        out_of_hours_exams Count: "ended before or after the plan",
        attendances Count: "distinct visits",
        occupied_min Minutes: "union of step time inside the operational time",
        productive_min Minutes: "the same of completed steps alone",
        changeovers Count: "known changeovers",
        changeover_min Minutes: "their sum",
        first_scan_delay_min Minutes: "first start after the planned start; negative when it was earlier",
        first_scan_known Flag: "the first scan is known",
        discontinued_steps Count: "steps that were discontinued",
        booked Count: "booked on the day",
        did_not_attend Count: "of these, did not attend",
        target_per_hour PerHour: "the target; 0 where there is none",
        has_target Flag: "there is a target",
        target_exams Value: "exams that the target asks for in the observed time",
        short_of_target Count: "whole exams by which the session is behind its target",
        quality Text: "its quality flags, separated by spaces",
        state Text: "planned, running, closed, unused or cancelled; empty for a session that is no more",
        session_id Text: "its id, for `touchtime explain`",
    },
};

/// What ended in one hour of a scanner.
pub static SCAN_HOUR: Measurement = Measurement {
    name: "touchtime_scan_hour",
    about: "What ended in one hour of a scanner; an hour in which nothing ended has no point.",
    time: "start of the hour, UTC",
    tags: tags! {
        trust: "trust",
        site: "site",
        room: "scanner",
        room_kind: "what the room is",
    },
    fields: fields! {
        exams_completed Count: "completed exams",
        exams_inferred Count: "exams of which the end is inferred",
        exams_discontinued Count: "exams of which nothing was completed",
    },
};

/// A measure of a group in a week or month, with its control limits.
pub static TREND: Measurement = Measurement {
    name: "touchtime_trend",
    about: "A measure of a group in a period that is over, with the limits of its XmR control chart and its quartile among its \
            peers.",
    time: "00:00 UTC of the period's first day",
    tags: tags! {
        grouping: "trust, site, room or specialty",
        period: "week (ISO) or month",
        measure: "as in `touchtime report`",
        trust: "trust, if grouped by it or by something within it",
        site: "site, if grouped by it or by room",
        room: "room, if grouped by it",
        specialty: "specialty, if grouped by it; `none` for lists without one",
        room_kind: "what the rooms are",
        list_kind: "elective or emergency; of scanners none",
        rule_set: "the rule set of the figures",
    },
    fields: fields! {
        present Flag: "1; 0 for a value that is no more",
        value Value: "the measure",
        lists Count: "lists or sessions behind it",
        has_limits Flag: "there are limits",
        centre Value: "centre line; 0 without limits",
        lower_limit Value: "lower process limit",
        upper_limit Value: "upper process limit",
        trial_limits Flag: "the limits rest on fewer than 12 points",
        special_cause Code: "0 none, 1 improvement, -1 concern, 2 neither better nor worse",
        rule Text: "outside_limit, trend, two_of_three or shift; empty for none",
        assurance Code: "0 none, 1 will pass the target, -1 will fail it, 2 hit or miss",
        quartile Count: "1 to 4 among its peers, 4 the best; 0 for fewer than 4 peers",
        peers Count: "units compared, itself included",
        peers_lower_quartile Value: "their lower quartile; 0 for fewer than 4",
        peers_median Value: "their median",
        peers_upper_quartile Value: "their upper quartile",
    },
};

/// What an agent last said of itself.
pub static AGENT: Measurement = Measurement {
    name: "touchtime_agent",
    about: "What an agent last said of itself, once a minute.",
    time: "the minute",
    tags: tags! {
        trust: "trust",
        site: "site",
        agent: "agent",
    },
    fields: fields! {
        online Flag: "connected to the broker",
        waiting Count: "events not yet acknowledged",
        oldest_age_s Seconds: "age of the oldest of these",
        lost Count: "observations lost since its outbox was made",
        refused Count: "publishes that the broker refused",
        clock_code Code: "0 synchronised or external, 1 holdover, 2 unset",
        version Text: "its version",
    },
};

/// What the store holds back.
pub static STORE: Measurement = Measurement {
    name: "touchtime_store",
    about: "What the store holds and what it holds back, once a minute.",
    time: "the minute",
    tags: tags! {
        trust: "trust",
        collector: "the collector's id",
    },
    fields: fields! {
        quarantined Count: "messages and events in quarantine",
        conflicts Count: "events under a number that was taken",
        gone Count: "events that their agent declared lost",
        connected Flag: "connected to the broker",
    },
};

/// All measurements.
pub static ALL: [&Measurement; 7] = [&LIST, &ROOM_STATE, &SCAN_SESSION, &SCAN_HOUR, &TREND, &AGENT, &STORE];

impl Measurement {
    /// The one of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.into_iter().find(|measurement| measurement.name == name)
    }

    /// Its field of that name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

//! [`Mapping`]: which column of an extract is what, and how planned sessions are found.
//!
//! The types here are what a mapping says once it has been checked; `mapping_toml` reads them from TOML. Columns are
//! still names: `head` finds them in a file's header.

use chrono_tz::Tz;
use room_events::{CancellationClass, Identifier, ListKind, Milestone, PatientClass, RoomKind, SiteId};

use crate::problem::MappingError;
use crate::time_format::Format;

/// A checked mapping.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub(crate) zone: Tz,
    pub(crate) absent: Vec<String>,
    pub(crate) cases: FileMap,
    pub(crate) sessions: Sessions,
}

impl Mapping {
    /// Reads a mapping in TOML. `file` is its name for error messages; the README of this crate has every key.
    pub fn parse(file: &str, toml: &str) -> Result<Self, MappingError> {
        crate::mapping_toml::parse(toml).map_err(|problem| MappingError { file: file.to_owned(), problem })
    }

    /// The time zone of all local times, and of the sites.
    pub const fn zone(&self) -> Tz {
        self.zone
    }

    /// Whether planned sessions come from a second file, read with [`crate::Reader::plan`].
    pub const fn wants_plan_file(&self) -> bool {
        matches!(self.sessions, Sessions::PlanFile(_))
    }

    /// What the rooms are, where the mapping gives it as a constant.
    pub fn room_kind(&self) -> Option<RoomKind> {
        match self.cases.room_kind {
            Some(Code::Constant(kind)) => Some(kind),
            Some(Code::Column { .. }) | None => None,
        }
    }
}

/// Where planned sessions come from.
#[derive(Debug, Clone)]
pub(crate) enum Sessions {
    /// The mapping has none: the gateway knows them from elsewhere.
    None,
    /// Columns of the case file ([`FileMap::session`]).
    Columns,
    /// A second file.
    PlanFile(Box<FileMap>),
    /// From the bookings of a room and day: the day of [`FileMap::group`], else the local date of the scheduled start.
    Bookings {
        /// The kind of all lists.
        kind: ListKind,
    },
}

/// One file's layout and columns. `C` is a column: its name in the mapping, its place once a header is known.
#[derive(Debug, Clone)]
pub(crate) struct FileMap<C = String> {
    /// Absent: found from the header.
    pub(crate) delimiter: Option<u8>,
    /// Absent: byte order mark, else UTF-8.
    pub(crate) encoding: Option<&'static encoding_rs::Encoding>,
    /// Absent: ISO 8601 and the usual forms, day or month first as the file itself shows.
    pub(crate) formats: Option<Vec<Format>>,
    pub(crate) site: SiteRule<C>,
    pub(crate) room: IdRule<C>,
    pub(crate) room_kind: Option<Code<RoomKind, C>>,
    pub(crate) case: Option<CaseColumn<C>>,
    pub(crate) date: Option<C>,
    pub(crate) milestones: Vec<(Milestone, TimeColumn<C>)>,
    pub(crate) booking: BookingMap<C>,
    /// The date column that groups bookings into sessions.
    pub(crate) group: Option<C>,
    pub(crate) cancellation: Option<CancellationMap<C>>,
    pub(crate) session: Option<SessionMap<C>>,
}

/// The column of the case id, and as which kind of number it becomes a token: a booking of a scanner meets its performed
/// step only if both are accession numbers.
#[derive(Debug, Clone)]
pub(crate) struct CaseColumn<C = String> {
    pub(crate) column: C,
    pub(crate) kind: Identifier,
}

/// A constant site, or a column of sites.
#[derive(Debug, Clone)]
pub(crate) enum SiteRule<C = String> {
    Constant(SiteId),
    Column(IdRule<C>),
}

/// How a column's value becomes an id.
#[derive(Debug, Clone)]
pub(crate) struct IdRule<C = String> {
    pub(crate) column: C,
    /// Value to id, before any other rule.
    pub(crate) values: Vec<(String, String)>,
    pub(crate) prefix: String,
    pub(crate) lower_case: bool,
    /// Each run of other characters becomes one `-`.
    pub(crate) dashes: bool,
}

/// A column of times, with a date column of its own if it has one.
#[derive(Debug, Clone)]
pub(crate) struct TimeColumn<C = String> {
    pub(crate) date: Option<C>,
    pub(crate) time: C,
}

/// A constant code, or a column of codes and what they mean.
#[derive(Debug, Clone)]
pub(crate) enum Code<T, C = String> {
    Constant(T),
    Column {
        column: C,
        /// In the mapping's spelling. A value that is itself one of the names needs no entry.
        values: Vec<(String, T)>,
    },
}

/// What is booked of a case.
#[derive(Debug, Clone)]
pub(crate) struct BookingMap<C = String> {
    pub(crate) start: Option<TimeColumn<C>>,
    pub(crate) minutes: Option<C>,
    pub(crate) specialty: Option<C>,
    pub(crate) procedure: Option<C>,
    pub(crate) team: Option<C>,
    pub(crate) class: Option<Code<PatientClass, C>>,
    pub(crate) admission: Option<Code<ListKind, C>>,
    pub(crate) session: Vec<C>,
    pub(crate) issued: Option<TimeColumn<C>>,
}

/// Cancellations.
#[derive(Debug, Clone)]
pub(crate) struct CancellationMap<C = String> {
    pub(crate) time: TimeColumn<C>,
    pub(crate) class: Option<Code<CancellationClass, C>>,
    pub(crate) reason: Option<C>,
}

/// A planned session in a row's columns.
#[derive(Debug, Clone)]
pub(crate) struct SessionMap<C = String> {
    pub(crate) start: TimeColumn<C>,
    pub(crate) end: TimeColumn<C>,
    pub(crate) specialty: Option<C>,
    pub(crate) team: Option<C>,
    pub(crate) kind: Code<ListKind, C>,
    pub(crate) key: Vec<C>,
    pub(crate) cases: Option<C>,
    pub(crate) issued: Option<TimeColumn<C>>,
    pub(crate) withdrawn: Option<Code<bool, C>>,
}

/// Finds the place of a column by its name.
type Find<'f> = dyn FnMut(&String) -> usize + 'f;

impl FileMap {
    /// The same map with places instead of names.
    pub(crate) fn located(&self, find: &mut Find) -> FileMap<usize> {
        FileMap {
            delimiter: self.delimiter,
            encoding: self.encoding,
            formats: self.formats.clone(),
            site: match &self.site {
                SiteRule::Constant(site) => SiteRule::Constant(site.clone()),
                SiteRule::Column(rule) => SiteRule::Column(rule.located(find)),
            },
            room: self.room.located(find),
            room_kind: self.room_kind.as_ref().map(|code| code.located(find)),
            case: self.case.as_ref().map(|case| CaseColumn { column: find(&case.column), kind: case.kind }),
            date: self.date.as_ref().map(&mut *find),
            milestones: self.milestones.iter().map(|(milestone, column)| (*milestone, column.located(find))).collect(),
            booking: BookingMap {
                start: self.booking.start.as_ref().map(|column| column.located(find)),
                minutes: self.booking.minutes.as_ref().map(&mut *find),
                specialty: self.booking.specialty.as_ref().map(&mut *find),
                procedure: self.booking.procedure.as_ref().map(&mut *find),
                team: self.booking.team.as_ref().map(&mut *find),
                class: self.booking.class.as_ref().map(|code| code.located(find)),
                admission: self.booking.admission.as_ref().map(|code| code.located(find)),
                session: self.booking.session.iter().map(&mut *find).collect(),
                issued: self.booking.issued.as_ref().map(|column| column.located(find)),
            },
            group: self.group.as_ref().map(&mut *find),
            cancellation: self.cancellation.as_ref().map(|map| CancellationMap {
                time: map.time.located(find),
                class: map.class.as_ref().map(|code| code.located(find)),
                reason: map.reason.as_ref().map(&mut *find),
            }),
            session: self.session.as_ref().map(|map| SessionMap {
                start: map.start.located(find),
                end: map.end.located(find),
                specialty: map.specialty.as_ref().map(&mut *find),
                team: map.team.as_ref().map(&mut *find),
                kind: map.kind.located(find),
                key: map.key.iter().map(&mut *find).collect(),
                cases: map.cases.as_ref().map(&mut *find),
                issued: map.issued.as_ref().map(|column| column.located(find)),
                withdrawn: map.withdrawn.as_ref().map(|code| code.located(find)),
            }),
        }
    }
}

impl IdRule {
    fn located(&self, find: &mut Find) -> IdRule<usize> {
        IdRule {
            column: find(&self.column),
            values: self.values.clone(),
            prefix: self.prefix.clone(),
            lower_case: self.lower_case,
            dashes: self.dashes,
        }
    }
}

impl TimeColumn {
    fn located(&self, find: &mut Find) -> TimeColumn<usize> {
        TimeColumn { date: self.date.as_ref().map(&mut *find), time: find(&self.time) }
    }
}

impl<T: Clone> Code<T> {
    fn located(&self, find: &mut Find) -> Code<T, usize> {
        match self {
            Self::Constant(value) => Code::Constant(value.clone()),
            Self::Column { column, values } => Code::Column { column: find(column), values: values.clone() },
        }
    }
}

impl FileMap<usize> {
    /// The date columns that several times of a row share. Such a date is the row's, as that of the key `date` is: it
    /// cannot be right for each of them when the case runs past midnight.
    pub(crate) fn shared_dates(&self) -> Vec<usize> {
        let times = self.milestones.iter().map(|(_, column)| column).chain(&self.booking.start);
        let mut dates: Vec<usize> = times.filter_map(|column| column.date).collect();
        dates.sort_unstable();
        let mut shared: Vec<usize> = dates.chunk_by(|a, b| a == b).filter(|c| c.len() > 1).map(|c| c[0]).collect();
        shared.extend(self.date);
        shared
    }

    /// The columns of times and dates, for finding out whether day or month comes first.
    pub(crate) fn time_columns(&self) -> Vec<usize> {
        let mut times: Vec<&TimeColumn<usize>> = self.milestones.iter().map(|(_, column)| column).collect();
        times.extend(&self.booking.start);
        times.extend(&self.booking.issued);
        times.extend(self.cancellation.iter().map(|map| &map.time));
        if let Some(map) = &self.session {
            times.extend([&map.start, &map.end]);
            times.extend(&map.issued);
        }
        let mut columns: Vec<usize> = self.date.iter().chain(&self.group).copied().collect();
        for column in times {
            columns.push(column.time);
            columns.extend(column.date);
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

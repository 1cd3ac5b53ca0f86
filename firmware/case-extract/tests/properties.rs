//! Any cases written in any usual layout are read back; two halves give what one reader gives; nothing makes it panic.

mod support;

use case_extract::{Joined, Mapping, Reader};
use chrono::{DateTime, NaiveDateTime};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use support::{OpenTokens, extract, rendered};

/// A case as a person would write it down: minutes since 2022-01-01 00:00 UTC.
#[derive(Debug, Clone)]
struct Written {
    room: u8,
    planned: i64,
    minutes: Option<u16>,
    into: Option<i64>,
    out: Option<i64>,
    specialty: Option<String>,
}

/// How a file is written.
#[derive(Debug, Clone)]
struct Layout {
    date: &'static str,
    time: &'static str,
    /// The mapping says the formats.
    said: bool,
    delimiter: char,
    end: &'static str,
    encoding: Encoded,
    quote_all: bool,
    blanks: bool,
    last_end: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoded {
    Utf8,
    Utf8Marked,
    Utf16Le,
    Utf16Be,
    Windows1252,
}

fn case() -> impl Strategy<Value = Written> {
    let specialty = prop_oneof![
        Just("ENT".to_owned()),
        Just("Chirurgie G\u{e9}n\u{e9}rale".to_owned()),
        Just("Eyes, ears; nose\tthroat|all".to_owned()),
        Just("two\nlines".to_owned()),
        "[a-z]{1,6}( [a-z\u{e0}-\u{ff}]{1,6}){0,2}",
    ];
    (
        0..4_u8,
        0..525_600_i64,
        option::of(0..600_u16),
        option::of(0..200_i64),
        option::of(0..700_i64),
        option::of(specialty),
    )
        .prop_map(|(room, planned, minutes, into, out, specialty)| Written {
            room,
            planned,
            minutes,
            into: into.map(|late| planned + late),
            out: out.map(|late| planned + late),
            specialty,
        })
}

fn layout() -> impl Strategy<Value = Layout> {
    let date = prop::sample::select(vec!["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%b-%Y", "%d %b %Y"]);
    let time = prop::sample::select(vec!["%H:%M", "%H:%M:%S", "%I:%M %p"]);
    let encoding = prop::sample::select(vec![
        Encoded::Utf8,
        Encoded::Utf8Marked,
        Encoded::Utf16Le,
        Encoded::Utf16Be,
        Encoded::Windows1252,
    ]);
    let delimiter = prop::sample::select(vec![',', ';', '\t', '|']);
    let end = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    (date, time, any::<bool>(), delimiter, end, encoding, any::<[bool; 3]>()).prop_map(
        |(date, time, said, delimiter, end, encoding, [quote_all, blanks, last_end])| Layout {
            date,
            // ISO 8601 knows no halves of a day.
            time: if date == "%Y-%m-%d" && !said { "%H:%M" } else { time },
            said,
            delimiter,
            end,
            encoding,
            quote_all,
            blanks,
            last_end,
        },
    )
}

fn local(minutes: i64) -> NaiveDateTime {
    DateTime::from_timestamp((minutes + 27_349_920) * 60, 0).expect("within chrono's years").naive_utc()
}

/// The zone is UTC here: clock changes have tests of their own.
fn mapping_for(layout: &Layout) -> String {
    let mut top =
        "zone = \"UTC\"\nsite = \"main\"\nroom = { column = \"Room\", prefix = \"th-\" }\ncase = \"Id\"\n".to_owned();
    if layout.said {
        top.push_str(&format!("time-formats = [\"{} {}\"]\n", layout.date, layout.time));
    }
    if layout.encoding == Encoded::Windows1252 {
        top.push_str("encoding = \"windows-1252\"\n");
    }
    top + r#"
[milestones]
into_theatre = "In"
out_of_theatre = "Out"
[booking]
start = "Start"
minutes = "Minutes"
specialty = "Specialty"
[sessions]
from = "bookings"
"#
}

fn file_of(cases: &[Written], layout: &Layout) -> Vec<u8> {
    let time = |minutes: i64| local(minutes).format(&format!("{} {}", layout.date, layout.time)).to_string();
    let optional = |value: Option<String>| value.unwrap_or_default();
    let mut records = vec![["Id", "Room", "Start", "Minutes", "In", "Out", "Specialty"].map(str::to_owned)];
    records.extend(cases.iter().enumerate().map(|(at, case)| {
        [
            format!("A{at}"),
            case.room.to_string(),
            time(case.planned),
            optional(case.minutes.map(|m| m.to_string())),
            optional(case.into.map(time)),
            optional(case.out.map(time)),
            optional(case.specialty.clone()),
        ]
    }));
    let cell = |text: &String| {
        let special = text.contains(['"', '\n', '\r', layout.delimiter]);
        if layout.quote_all || special { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.clone() }
    };
    let mut text = String::new();
    for (at, record) in records.iter().enumerate() {
        text.push_str(&record.iter().map(cell).collect::<Vec<_>>().join(&layout.delimiter.to_string()));
        if layout.last_end || at + 1 < records.len() {
            text.push_str(layout.end);
        }
        if layout.blanks && at % 3 == 1 {
            text.push_str(layout.end);
        }
    }
    let units = |big: bool| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    };
    match layout.encoding {
        Encoded::Utf8 => text.into_bytes(),
        Encoded::Utf8Marked => format!("\u{feff}{text}").into_bytes(),
        Encoded::Utf16Le => units(false),
        Encoded::Utf16Be => units(true),
        Encoded::Windows1252 => encoding_rs::WINDOWS_1252.encode(&text).0.into_owned(),
    }
}

/// The reference: what a person would say the file means, in the words of `rendered`.
fn expected(cases: &[Written]) -> String {
    let instant = |minutes: i64| local(minutes).format("%Y-%m-%dT%H:%MZ").to_string();
    let label = |text: &str| text.replace(['\n', '\t', '"'], " ");
    let mut lines = Vec::new();
    let mut sessions = 0;
    let mut rooms: Vec<u8> = cases.iter().map(|case| case.room).collect();
    rooms.sort_unstable();
    rooms.dedup();
    for &room in &rooms {
        lines.push(format!("main/th-{room}"));
        let of_room: Vec<(usize, &Written)> = cases.iter().enumerate().filter(|(_, case)| case.room == room).collect();
        let mut texts: Vec<String> = of_room
            .iter()
            .map(|(at, case)| {
                let mut parts = vec![format!("booked {}", instant(case.planned))];
                parts.extend(case.minutes.map(|m| format!("minutes {m}")));
                parts.push(format!("session {}", local(case.planned).format("%Y-%m-%d")));
                parts.extend(case.specialty.as_ref().map(|s| format!("specialty {:?}", label(s))));
                parts.extend(case.into.map(|at| format!("into_theatre {}", instant(at))));
                parts.extend(case.out.map(|at| format!("out_of_theatre {}", instant(at))));
                format!("  A{at}: {}", parts.join(", "))
            })
            .collect();
        texts.sort();
        lines.extend(texts);
        let mut days: Vec<_> = of_room.iter().map(|(_, case)| local(case.planned).date()).collect();
        days.sort_unstable();
        days.dedup();
        for day in days {
            let of_day: Vec<&Written> =
                of_room.iter().map(|&(_, case)| case).filter(|case| local(case.planned).date() == day).collect();
            let start = of_day.iter().map(|case| case.planned).min().expect("a day has a case");
            let end = of_day
                .iter()
                .map(|case| case.planned + i64::from(case.minutes.unwrap_or(0)))
                .max()
                .expect("a day has a case");
            let mut names: Vec<String> =
                of_day.iter().filter_map(|case| case.specialty.as_deref()).map(label).collect();
            names.sort();
            let most = names.chunk_by(|a, b| a == b).rev().max_by_key(|same| same.len()).map(|same| &same[0]);
            let specialty = most.map(|name| format!(", specialty {name:?}")).unwrap_or_default();
            lines.push(format!("  plan {day}: {} to {} elective{specialty}", instant(start), instant(end)));
            sessions += 1;
        }
    }
    let counted = |count: usize, what: &str| if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") };
    lines.push(format!(
        "{} read: {} in {}, {}",
        counted(cases.len(), "row"),
        counted(cases.len(), "case"),
        counted(rooms.len(), "room"),
        counted(sessions, "planned session")
    ));
    let absent = |name: &str, count: usize| (count > 0).then(|| format!("{name} {count}"));
    let missing: Vec<String> = [
        absent("into_theatre", cases.iter().filter(|case| case.into.is_none()).count()),
        absent("out_of_theatre", cases.iter().filter(|case| case.out.is_none()).count()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !missing.is_empty() {
        lines.push(format!("no time recorded: {}", missing.join(", ")));
    }
    lines.join("\n")
}

/// Whether a date that could be read in two ways is never settled by another.
fn stays_ambiguous(cases: &[Written], layout: &Layout) -> bool {
    use chrono::Datelike;
    let by_figures = matches!(layout.date, "%d/%m/%Y" | "%m/%d/%Y" | "%d.%m.%Y") && !layout.said;
    let mut dates = cases.iter().flat_map(|case| [Some(case.planned), case.into, case.out]).flatten().map(local);
    let shown = dates.clone().any(|date| date.day() > 12);
    by_figures && !shown && dates.any(|date| date.day() != date.month())
}

fn outcome(mapping: &Mapping, bytes: &[u8], chunk: usize) -> String {
    match extract(mapping, bytes, None, chunk) {
        Ok(extract) => rendered(&extract),
        Err(error) => format!("refused: {error}"),
    }
}

/// Reads the first bytes, then both halves beside each other, as a program with two threads does.
fn in_halves(mapping: &Mapping, bytes: &[u8], begun: usize, cut: usize) -> String {
    let mut first = Reader::cases(mapping, "cases.csv", &OpenTokens);
    let result = (|| {
        first.push(&bytes[..begun])?;
        let Some(mut second) = first.second() else {
            first.push(&bytes[begun..])?;
            return first.finish();
        };
        first.push(&bytes[begun..cut])?;
        for chunk in bytes[cut..].chunks(50) {
            // What is wrong here is told by `join`.
            let _ = second.push(chunk);
        }
        match first.join(second)? {
            Joined::Whole(whole) => whole.finish(),
            Joined::Reread(mut first) => {
                first.push(&bytes[cut..])?;
                first.finish()
            }
        }
    })();
    match result {
        Ok(extract) => rendered(&extract),
        Err(error) => format!("refused: {error}"),
    }
}

/// The same; of a file that is not text and has another fault too, either may be told first.
fn agree(one: &str, other: &str, bytes: &[u8]) -> bool {
    let refused = one.starts_with("refused") && other.starts_with("refused");
    one == other || (refused && core::str::from_utf8(bytes).is_err())
}

/// Rows good and bad, of both orders of day and month, with line ends, marks and bytes where they do not belong.
fn messy_file() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "A1,1,03/04/2022 08:00,60,03/04/2022 08:10,03/04/2022 09:00,ENT\n",
        "A2,2,04/04/2022 08:00,,04/04/2022 08:10,,\"a\n\nb\"\n",
        "A3,1,2022-04-04 08:00,60,2022-04-04 08:10,x,ENT\r\n",
        "A4,2,25/04/2022 08:00,60,25/04/2022 08:10,25/04/2022 09:00,\"q\"\"q\"\n",
        "A5,2,,60,25/04/2022 08:10,,\"\nA6,1,26/04/2022 08:00,,,,\n\"\n",
        ",1,04/25/2022 08:00,60,,,G\u{e9}n\u{e9}rale\n",
        "A7,1,04/25/2022 08:00,60,,,\n",
        "A8,1\n",
        "\n",
        ",,,,,,\n",
        "\"\n",
        "\"",
        "A9,3,2022-06-01 10:00,-,2022-06-01 10:10,2022-06-01 10:50,\"\"\n",
        "A0,,1,1,1,1,1,1\n",
    ]);
    (vec(piece, 0..14), option::weighted(0.1, (any::<prop::sample::Index>(), any::<u8>()))).prop_map(
        |(pieces, spoilt)| {
            let mut bytes = format!("Id,Room,Start,Minutes,In,Out,Specialty\n{}", pieces.concat()).into_bytes();
            if let Some((at, byte)) = spoilt {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        },
    )
}

fn messy_mapping() -> impl Strategy<Value = String> {
    let formats = prop::sample::select(vec!["", "time-formats = [\"%d/%m/%Y %H:%M\", \"iso8601\"]\n"]);
    let encoding = prop::sample::select(vec!["", "", "encoding = \"windows-1252\"\n"]);
    let sessions = prop::sample::select(vec![
        "",
        "[sessions]\nfrom = \"bookings\"\n",
        "[sessions]\nfrom = \"columns\"\nstart = \"In\"\nend = \"Out\"\nspecialty = \"Specialty\"\n",
    ]);
    (formats, encoding, sessions).prop_map(|(formats, encoding, sessions)| {
        format!(
            "zone = \"Europe/London\"\nsite = \"main\"\nroom = {{ column = \"Room\", prefix = \"th-\" }}\ncase = \"Id\"\n\
             {formats}{encoding}[milestones]\ninto_theatre = \"In\"\nout_of_theatre = \"Out\"\n[booking]\n\
             start = \"Start\"\nminutes = \"Minutes\"\nspecialty = \"Specialty\"\n{sessions}"
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cases_written_in_any_layout_are_read_back(
        cases in vec(case(), 0..12),
        layout in layout(),
        chunk in prop_oneof![Just(usize::MAX), 1..200_usize],
    ) {
        let mapping = Mapping::parse("m.toml", &mapping_for(&layout)).unwrap();
        let found = outcome(&mapping, &file_of(&cases, &layout), chunk);
        if stays_ambiguous(&cases, &layout) {
            prop_assert!(found.contains("and no date shows which"), "{found}");
        } else {
            prop_assert_eq!(found, expected(&cases));
        }
    }

    #[test]
    fn two_halves_cut_anywhere_give_what_one_reader_gives(
        cases in vec(case(), 1..12),
        layout in layout(),
        begun in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mapping = Mapping::parse("m.toml", &mapping_for(&layout)).unwrap();
        let bytes = file_of(&cases, &layout);
        let begun = begun.index(bytes.len());
        let cut = begun + cut.index(bytes.len() - begun);
        prop_assert_eq!(in_halves(&mapping, &bytes, begun, cut), outcome(&mapping, &bytes, usize::MAX));
    }

    #[test]
    fn two_halves_of_a_messy_file_give_what_one_reader_gives(
        bytes in messy_file(),
        mapping in messy_mapping(),
        cut in any::<prop::sample::Index>(),
        chunk in 1..100_usize,
    ) {
        let mapping = Mapping::parse("m.toml", &mapping).unwrap();
        let whole = outcome(&mapping, &bytes, usize::MAX);
        let in_chunks = outcome(&mapping, &bytes, chunk);
        prop_assert!(agree(&in_chunks, &whole, &bytes), "in chunks: {in_chunks}\nwhole: {whole}");
        let begun = 41.min(bytes.len());
        let cut = begun + cut.index(bytes.len() - begun + 1);
        let halves = in_halves(&mapping, &bytes, begun, cut);
        prop_assert!(agree(&halves, &whole, &bytes), "halves: {halves}\nwhole: {whole}");
    }

    #[test]
    fn no_bytes_make_it_panic(
        header in prop::sample::select(vec!["", "Id,Room,Start,Minutes,In,Out,Specialty\n"]),
        bytes in prop_oneof![
            vec(any::<u8>(), 0..200),
            vec(prop::sample::select(b"\",;\n\r\t 0123456789/-:.AZ\xe9\xff\xfe\xef\xbb\xbf\0".to_vec()), 0..400),
        ],
        mapping in messy_mapping(),
        chunk in 1..64_usize,
    ) {
        let mapping = Mapping::parse("m.toml", &mapping).unwrap();
        let bytes = [header.as_bytes(), &bytes].concat();
        let _ = outcome(&mapping, &bytes, chunk);
        let _ = in_halves(&mapping, &bytes, bytes.len() / 4, bytes.len() / 2);
    }

    #[test]
    fn no_mapping_makes_it_panic(
        mapping in messy_mapping(),
        spoilt in vec((any::<prop::sample::Index>(), "[a-z\"={}\\[\\]\n. \u{e9}0-9-]{0,3}"), 0..4),
        text in "\\PC{0,80}",
    ) {
        let mut mapping = mapping;
        for (at, piece) in spoilt {
            let places: Vec<usize> = mapping.char_indices().map(|(at, _)| at).collect();
            let at = places[at.index(places.len())];
            let end = (at + piece.len()).min(mapping.len());
            if mapping.is_char_boundary(end) {
                mapping.replace_range(at..end, &piece);
            }
        }
        for text in [&mapping, &text] {
            if let Ok(mapping) = Mapping::parse("m.toml", text) {
                let _ = outcome(&mapping, b"Id,Room,Start,Minutes,In,Out,Specialty\n1,1,2022-01-03 08:00,1,,,x\n", 16);
            }
        }
    }
}

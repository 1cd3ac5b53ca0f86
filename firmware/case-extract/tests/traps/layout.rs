//! Encodings, delimiters, quoting and headers.

use case_extract::{LocalTokens, Mapping, Reader};

use crate::{IN_AND_OUT, ONE_CASE, ONE_ROW, check, in_and_out, utf_16, with};

#[test]
fn a_file_is_read_in_the_encoding_that_it_shows() {
    let mapping = in_and_out();
    check("plain", &mapping, ONE_ROW.as_bytes(), ONE_CASE);
    check("UTF-8 with a mark", &mapping, format!("\u{feff}{ONE_ROW}").as_bytes(), ONE_CASE);
    check("UTF-16 LE with a mark", &mapping, &utf_16(ONE_ROW, false, true), ONE_CASE);
    check("UTF-16 BE with a mark", &mapping, &utf_16(ONE_ROW, true, true), ONE_CASE);
    check(
        "UTF-16 LE by the mapping",
        &with("encoding = \"utf-16le\"", IN_AND_OUT),
        &utf_16(ONE_ROW, false, false),
        ONE_CASE,
    );
    check(
        "UTF-16 BE by the mapping",
        &with("encoding = \"utf-16be\"", IN_AND_OUT),
        &utf_16(ONE_ROW, true, false),
        ONE_CASE,
    );
    check(
        "UTF-16 LE without a mark",
        &mapping,
        &utf_16(ONE_ROW, false, false),
        "refused: cases.csv:1: looks like utf-16le without a byte order mark (say so: encoding = \"utf-16le\")",
    );
    check(
        "UTF-16 BE without a mark",
        &mapping,
        &utf_16(ONE_ROW, true, false),
        "refused: cases.csv:1: looks like utf-16be without a byte order mark (say so: encoding = \"utf-16be\")",
    );
    check(
        "a mark against the mapping",
        &with("encoding = \"windows-1252\"", IN_AND_OUT),
        format!("\u{feff}{ONE_ROW}").as_bytes(),
        "refused: cases.csv:1: has the byte order mark of utf-8, the mapping says windows-1252 (use encoding = \"auto\")",
    );
    check(
        "UTF-16 with half a character at its end",
        &mapping,
        utf_16(ONE_ROW, false, true).split_last().unwrap().1,
        "refused: cases.csv:2: has bytes that are no text in utf-16le (correct the key encoding)",
    );
}

#[test]
fn an_older_windows_encoding_is_refused_with_the_remedy_and_read_when_the_mapping_says_so() {
    let tables = "[booking]\nstart = \"Start\"\nspecialty = \"Specialty\"\n";
    let bytes =
        b"Id,Theatre,Start,Specialty\nA1,1,2022-01-03 08:30,ENT\nA2,1,2022-01-03 09:30,Chirurgie G\xe9n\xe9rale\n";
    check(
        "not UTF-8",
        &with("", tables),
        bytes,
        "refused: cases.csv:3: is not UTF-8 (if it came from Excel or an older Windows program, set encoding = \"windows-1252\")",
    );
    let expected = "
main/th-1
  A1: booked 2022-01-03T08:30Z, specialty \"ENT\"
  A2: booked 2022-01-03T09:30Z, specialty \"Chirurgie G\u{e9}n\u{e9}rale\"
2 rows read: 2 cases in 1 room, 0 planned sessions";
    for name in ["windows-1252", "latin1", "iso-8859-1"] {
        check(name, &with(&format!("encoding = {name:?}"), tables), bytes, expected);
    }
    check(
        "in the header",
        &with("", tables),
        b"Id,Theatre,Start,Specialty,Op\xe9rateur\nA1,1,2022-01-03 08:30,ENT,x\n",
        "refused: cases.csv:1: is not UTF-8 (if it came from Excel or an older Windows program, set encoding = \"windows-1252\")",
    );
}

#[test]
fn delimiters_and_line_ends_are_found() {
    let mapping = in_and_out();
    for delimiter in [";", "\t", "|"] {
        check(delimiter, &mapping, ONE_ROW.replace(',', delimiter).as_bytes(), ONE_CASE);
        let said = ONE_ROW.replace(',', delimiter);
        check("said", &with(&format!("delimiter = {delimiter:?}"), IN_AND_OUT), said.as_bytes(), ONE_CASE);
    }
    check("another one", &with("delimiter = \"~\"", IN_AND_OUT), ONE_ROW.replace(',', "~").as_bytes(), ONE_CASE);
    check("sep line", &mapping, format!("sep=;\r\n{}", ONE_ROW.replace(',', ";")).as_bytes(), ONE_CASE);
    check("CRLF", &mapping, ONE_ROW.replace('\n', "\r\n").as_bytes(), ONE_CASE);
    check("CR alone", &mapping, ONE_ROW.replace('\n', "\r").as_bytes(), ONE_CASE);
    check("no line end at the end", &mapping, ONE_ROW.trim_end().as_bytes(), ONE_CASE);
    check("all cells quoted", &mapping, quoted(ONE_ROW).as_bytes(), ONE_CASE);
    check("blanks around", &mapping, ONE_ROW.replace(',', " , ").as_bytes(), ONE_CASE);
    check(
        "empty lines before, between and behind",
        &mapping,
        format!("\n\n{}\n,,,\n", ONE_ROW.replace('\n', "\n\n")).as_bytes(),
        ONE_CASE,
    );
    check(
        "commas in the cells of a semicolon file",
        &mapping,
        b"Id;Theatre;In;Out;Note, free, text\nA1;1;2022-01-03 08:41;2022-01-03 09:30;a, b, c, d, e\n",
        ONE_CASE,
    );
    check(
        "the wrong delimiter",
        &with("delimiter = \";\"", IN_AND_OUT),
        ONE_ROW.as_bytes(),
        "refused: cases.csv:1: column \"Theatre\" is not in the header (nearest: \"Id,Theatre,In,Out\"); column \"Id\" is not in the header (none is near; correct the mapping, or the delimiter); column \"In\" is not in the header (none is near; correct the mapping, or the delimiter); column \"Out\" is not in the header (none is near; correct the mapping, or the delimiter)",
    );
    for (name, bytes) in [("empty", ""), ("only empty lines", "\n\n"), ("only a mark", "\u{feff}")] {
        check(
            name,
            &mapping,
            bytes.as_bytes(),
            "refused: cases.csv:1: there is no header (the first line must have the columns' names)",
        );
    }
    check("only a header", &mapping, b"Id,Theatre,In,Out", "0 rows read: 0 cases in 0 rooms, 0 planned sessions");
}

fn quoted(text: &str) -> String {
    let cell = |cell: &str| format!("\"{cell}\"");
    let line = |line: &str| line.split(',').map(cell).collect::<Vec<_>>().join(",");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn quoted_line_ends_are_text_and_lines_are_counted_as_an_editor_shows_them() {
    let mapping = with("", "[booking]\nstart = \"Start\"\nprocedure = \"Procedure\"\n");
    check(
        "quoted",
        &mapping,
        b"Id,Theatre,Start,\"Procedure\n(main)\"\n",
        "refused: cases.csv:1: column \"Procedure\" is not in the header (nearest: \"Procedure\\n(main)\")",
    );
    let expected = "
main/th-1
  A1: booked 2022-01-03T08:30Z, procedure \"Hernia, left  open\"
cases.csv:4: column \"Start\": \"25:00\" is not a time in ISO 8601 or another usual form (correct the cell, or add its format to time-formats)
cases.csv:4: the row has no scheduled start, milestone or date (give it one of them, so that it can be placed in time)
cases.csv:7: column \"Start\": \"aa\" is not a time in ISO 8601 or another usual form (correct the cell, or add its format to time-formats)
cases.csv:7: the row has no scheduled start, milestone or date (give it one of them, so that it can be placed in time)
3 rows read: 1 case in 1 room, 0 planned sessions
2 rows left out: row without any time 2
2 cells not understood: not a time 2";
    for (name, end) in [("LF", "\n"), ("CRLF", "\r\n"), ("CR", "\r")] {
        let text = "Id,Theatre,Start,Procedure\nA1,1,2022-01-03 08:30,\"Hernia,\nleft \"\"open\"\"\"\nA2,1,25:00,\"x\n\ny\"\nA3,1,xx,z\n";
        check(
            name,
            &mapping,
            text.replace('\n', end).as_bytes(),
            // In a label each control character becomes a space.
            &expected.replace("Hernia, left", &format!("Hernia,{}left", " ".repeat(end.len()))),
        );
    }
    check(
        "a quotation mark inside a cell is a character",
        &mapping,
        b"Id,Theatre,Start,Procedure\nA1,1,2022-01-03 08:30,5\" plate\nA2,1,2022-01-03 09:30,z\n",
        "
main/th-1
  A1: booked 2022-01-03T08:30Z, procedure \"5  plate\"
  A2: booked 2022-01-03T09:30Z, procedure \"z\"
2 rows read: 2 cases in 1 room, 0 planned sessions",
    );
    check(
        "a quotation mark that is not closed costs its row",
        &mapping,
        b"Id,Theatre,Start,Procedure\nA1,1,2022-01-03 08:30,\"plate\nA2,1,2022-01-03 09:30,z\n",
        "
main/th-1
  A2: booked 2022-01-03T09:30Z, procedure \"z\"
cases.csv:2: a quotation mark is opened and not closed (close it, or double it if it belongs to the text; reading goes on with the next line)
2 rows read: 1 case in 1 room, 0 planned sessions
1 row left out: quotation mark not closed 1",
    );
}

#[test]
fn columns_that_are_missing_or_there_twice_are_named_with_the_nearest() {
    let mapping = in_and_out();
    check(
        "missing, with near names",
        &mapping,
        b"ID,Theatre no,In time,Room,Wheels\nA1,1,2022-01-03 08:41,2022-01-03 09:30,x\n",
        "refused: cases.csv:1: column \"Theatre\" is not in the header (nearest: \"Theatre no\"); column \"Id\" is not in the header (nearest: \"ID\"); column \"In\" is not in the header (nearest: \"ID\"); column \"Out\" is not in the header (none is near; correct the mapping, or the delimiter)",
    );
    check(
        "twice",
        &mapping,
        b"Id,Theatre,In,Out,In\nA1,1,2022-01-03 08:41,2022-01-03 09:30,x\n",
        "refused: cases.csv:1: column \"In\" is in the header twice (rename one of them)",
    );
    check(
        "twice, and not mapped",
        &mapping,
        b"Id,Theatre,In,Out,Note,Note\nA1,1,2022-01-03 08:41,2022-01-03 09:30,x,y\n",
        ONE_CASE,
    );
    check(
        "no header: the row that stands for it is not shown",
        &mapping,
        b"9434765919,Smith,2022-01-03 08:41,2022-01-03 09:30\n",
        "refused: cases.csv:1: column \"Theatre\" is not in the header (none is near; correct the mapping, or the delimiter); column \"Id\" is not in the header (none is near; correct the mapping, or the delimiter); column \"In\" is not in the header (none is near; correct the mapping, or the delimiter); column \"Out\" is not in the header (none is near; correct the mapping, or the delimiter)",
    );
}

#[test]
fn a_first_row_taken_for_the_header_is_not_quoted() {
    let mapping = Mapping::parse(
        "m.toml",
        "zone = \"Europe/London\"\nsite = \"main\"\nroom = { column = \"room\" }\ncase = \"case\"\ndelimiter = \",\"\n\
         milestones = { into_theatre = \"in\" }\n",
    )
    .unwrap();
    let tokens = LocalTokens::new([1, 2]);
    let mut reader = Reader::cases(&mapping, "x.csv", &tokens);
    let row = b"Jane Case Doe in room two;ward;knee\n";
    let error = reader.push(row).err().map_or_else(|| reader.finish().unwrap_err().to_string(), |e| e.to_string());
    assert!(!error.contains("Jane") && !error.contains("Doe"), "{error}");
    assert!(error.contains("is not in the header"), "{error}");
}

#!/usr/bin/env python3
"""Whether a sheet of a workbook of Touchtime has the rows of a CSV, typed and laid out as promised, read by openpyxl.

    python3 tests/data/workbook_equals_csv.py BOOK.xlsx SHEET=ROWS.csv...
"""
import csv
import datetime
import math
import sys

import openpyxl


def same(expected: str, found) -> bool:
    if expected == "" or found is None:
        return expected == "" and found is None
    if isinstance(found, bool):
        return expected == str(found).lower()
    if isinstance(found, datetime.datetime):
        # A cell holds days: what is read back may be a fraction of a second off.
        want = datetime.datetime.fromisoformat(expected.replace("Z", "")) if "T" in expected else datetime.datetime.fromisoformat(expected)
        return abs((want - found).total_seconds()) < 0.5
    if isinstance(found, (int, float)):
        return math.isclose(float(expected), found, rel_tol=1e-12, abs_tol=1e-12)
    return expected in (found, "'" + found)


def main() -> None:
    file, *sheets = sys.argv[1:]
    book = openpyxl.load_workbook(file)
    assert book.sheetnames[0] == "read me", book.sheetnames
    told = {(row[0].value, row[3].value) for row in book["read me"].iter_rows()}
    cells = 0
    for pair in sheets:
        name, rows_file = pair.split("=", 1)
        with open(rows_file, newline="", encoding="utf-8") as rows:
            header, *expected = list(csv.reader(rows))
        sheet = book[name]
        found = list(sheet.iter_rows())
        assert [cell.value for cell in found[0]] == header, name
        assert len(found) - 1 == len(expected) > 0, (name, len(found) - 1, len(expected))
        assert sheet.freeze_panes == "B2", sheet.freeze_panes
        assert sheet.auto_filter.ref == sheet.dimensions, (sheet.auto_filter.ref, sheet.dimensions)
        for column in header:
            assert any(column == told_name and meaning for told_name, meaning in told), f"{column} is explained"
        for want, have in zip(expected, found[1:]):
            for column, a, cell in zip(header, want, have):
                assert same(a, cell.value), f"{name}!{cell.coordinate} {column}: {a!r} in CSV, {cell.value!r} in the workbook"
                if a == "":
                    continue
                if column in ("planned_start", "planned_end", "hour", "local_date", "first_date", "last_date"):
                    assert cell.is_date, (name, column)
                if column.endswith("utilisation") or column in ("mean_of_lists", "observed_share"):
                    assert cell.number_format == "0.00%", (name, column, cell.number_format)
                cells += 1
        ruled = {part.min_col for area in sheet.conditional_formatting for part in area.sqref.ranges}
        wanted = {header.index(column) + 1 for column in ("capped_utilisation", "exams_per_hour") if column in header and
                  (column != "exams_per_hour" or "target_per_hour" in header)}
        assert wanted <= ruled, (name, wanted, ruled)
    print(f"{cells} cells of {len(sheets)} sheets are equal")


if __name__ == "__main__":
    main()

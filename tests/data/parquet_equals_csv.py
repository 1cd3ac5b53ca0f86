#!/usr/bin/env python3
"""Whether a Parquet file of Touchtime has the rows of its CSV, typed as its metadata and names say, read by DuckDB.

    python3 tests/data/parquet_equals_csv.py ROWS.csv ROWS.parquet
"""
import csv
import datetime
import json
import sys

import duckdb


INSTANTS = {
    "planned_start", "planned_end", "hour", "received", "at", "booked_start", "touch_start", "touch_end",
    "procedure_start", "procedure_end", "cancelled_at",
}


def as_text(value) -> str:
    """A typed value as the CSV writes it, numbers aside."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        utc = value.astimezone(datetime.timezone.utc)
        millis = f".{utc.microsecond // 1000:03}" if utc.microsecond else ""
        return utc.strftime("%Y-%m-%dT%H:%M:%S") + millis + "Z"
    return str(value)


def same(expected: str, found) -> bool:
    if isinstance(found, float):
        return expected != "" and float(expected) == found
    # What begins like a formula has an apostrophe before it in CSV alone.
    return expected in (as_text(found), "'" + as_text(found))


def main() -> None:
    rows_file, parquet = sys.argv[1:]
    with open(rows_file, newline="", encoding="utf-8") as file:
        header, *expected = list(csv.reader(file))
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    found = connection.execute("SELECT * FROM read_parquet(?)", [parquet])
    types = {column[0]: str(column[1]) for column in found.description}
    rows = found.fetchall()
    assert list(types) == header, (list(types), header)
    metadata = dict(connection.execute("SELECT decode(key), decode(value) FROM parquet_kv_metadata(?)", [parquet]).fetchall())
    about = {column["name"]: column for column in json.loads(metadata["touchtime.columns"])}
    assert list(about) == header, "each column is described"
    for name, kind in types.items():
        unit = about[name]["unit"]
        assert about[name]["about"], name
        if name in INSTANTS:
            assert kind == "TIMESTAMP WITH TIME ZONE", (name, kind)
        elif name in ("local_date", "first_date", "last_date"):
            assert kind == "DATE", (name, kind)
        elif unit in ("count", "number", "ms"):
            assert kind in ("BIGINT", "INTEGER"), (name, kind)
        elif unit:
            assert kind == "DOUBLE", (name, kind)
        else:
            assert kind in ("VARCHAR", "BOOLEAN"), (name, kind)
        if name.endswith("_min"):
            assert unit == "min", (name, unit)
    assert len(rows) == len(expected), (len(rows), len(expected))
    assert rows, "there are rows to compare"
    for n, (want, have) in enumerate(zip(expected, rows)):
        for name, a, b in zip(header, want, have):
            assert same(a, b), f"row {n}, {name}: {a!r} in CSV, {b!r} in Parquet"
    print(f"{len(rows)} rows, {len(header)} columns")


if __name__ == "__main__":
    main()

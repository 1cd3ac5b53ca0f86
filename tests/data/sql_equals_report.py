#!/usr/bin/env python3
"""Whether the SQL of dashboards/sql gives on an engine what `touchtime report` gives: reads reports as JSON files.

    python3 tests/data/sql_equals_report.py duckdb DATASET REPORT=FILE...
    python3 tests/data/sql_equals_report.py datafusion DATASET REPORT=FILE...

Each engine gets the same text; only how a folder becomes a table is its own.
"""
import json
import math
import pathlib
import sys

SQL = pathlib.Path(__file__).resolve().parents[2] / "dashboards/sql"
TABLES = {"lists": "theatres.sql", "scanner_sessions": "scanners.sql", "cases": "lists_from_cases.sql"}
KEYS = ["session_id", "trust", "site", "room", "specialty", "week", "month", "room_kind", "kind"]


def on_duckdb(dataset: pathlib.Path, table: str, text: str) -> list[dict]:
    import duckdb

    connection = duckdb.connect()
    files = f"{dataset / table}/*/*/*.parquet".replace("'", "''")
    connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{files}', hive_partitioning = true)")
    found = connection.execute(text)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row)) for row in found.fetchall()]


def on_datafusion(dataset: pathlib.Path, table: str, text: str) -> list[dict]:
    import datafusion

    context = datafusion.SessionContext()
    context.sql(
        f"CREATE EXTERNAL TABLE {table} STORED AS PARQUET PARTITIONED BY (trust, month) LOCATION '{dataset / table}/'"
    ).collect()
    return [row for batch in context.sql(text).collect() for row in batch.to_pylist()]


def main() -> None:
    engine, dataset, *reports = sys.argv[1:]
    run = {"duckdb": on_duckdb, "datafusion": on_datafusion}[engine]
    dataset = pathlib.Path(dataset)
    found: dict[str, list[dict]] = {}
    for table, file in TABLES.items():
        if (dataset / table).is_dir():
            for row in run(dataset, table, (SQL / file).read_text(encoding="utf-8")):
                # What is computed from cases is a row for each list that a case was touched in.
                found.setdefault(row.pop("report", "sessions"), []).append(row)
    values = 0
    for report in reports:
        name, file = report.split("=", 1)
        expected = json.loads(pathlib.Path(file).read_text(encoding="utf-8"))
        ours = found.get(name, [])
        if name == "sessions":
            expected = [row for row in expected if row["touch_min"]]
        assert ours and len(ours) == len(expected), f"{name}: {len(ours)} rows in SQL, {len(expected)} in the report"
        # A column that the report's rows do not have cannot tell them apart.
        keys = [key for key in KEYS if key in expected[0] and key in ours[0]]

        def key_of(row):
            return tuple(str(row[key]) if row[key] is not None else "" for key in keys)

        by_key = {key_of(row): row for row in ours}
        assert len(by_key) == len(ours), f"{name}: rows are told apart by {keys}"
        for want in expected:
            have = by_key[key_of(want)]
            for column, value in have.items():
                if column in KEYS:
                    continue
                a = want[column]
                if a is None or value is None:
                    # A sum of nothing is NULL in SQL and 0 in the report.
                    assert (a or 0) == (value or 0), f"{name} {key_of(want)} {column}: report {a}, SQL {value}"
                else:
                    assert math.isclose(float(a), float(value), rel_tol=1e-9, abs_tol=1e-9), (
                        f"{name} {key_of(want)} {column}: report {a}, SQL {value}"
                    )
                values += 1
    print(f"{engine}: {values} values of {len(reports)} reports are equal")


if __name__ == "__main__":
    main()

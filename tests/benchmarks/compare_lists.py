#!/usr/bin/env python3
"""Times `touchtime report sessions` beside DuckDB on the same cases, and checks that both give the same lists.

    python3 tests/benchmarks/compare_lists.py --copies 1000 --runs 5

The two take turns, so that a machine that slows down slows both. Whole processes: wall time and the largest resident
memory, each as the kernel counted them. Exit 1 if any list differs.
"""
import argparse
import csv
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MAPPING = ROOT / "tests/data/or_utilisation_2022_jan_feb.mapping.toml"
COLUMNS = [
    "planned_start", "planned_end", "planned_min", "cases_completed", "touch_min", "capped_min", "capped_utilisation",
    "capped_sum_min", "capped_duration_min", "uncapped_utilisation", "overlap_min", "late_start_min", "early_start_min",
    "early_finish_min", "overrun_min", "gaps_in_session_min", "turnovers", "turnover_min",
]


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds and megabytes of one run."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        sys.exit(f"{command[0]} failed")
    return seconds, usage.ru_maxrss / 1000


def number(text: str):
    try:
        return round(float(text), 9)
    except ValueError:
        return text or 0.0


def lists(path: str, key) -> dict:
    with open(path, newline="", encoding="utf-8") as file:
        return {key(row): [number(row[name]) for name in COLUMNS] for row in csv.DictReader(file)}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--copies", type=int, default=1000, help="how many times the bundled cases (default 1000: 1.36 million)")
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--touchtime", default=str(ROOT / "target/release/touchtime"))
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cases, ours, theirs = (os.path.join(folder, name) for name in ("cases.csv", "touchtime.csv", "duckdb.csv"))
        subprocess.run([sys.executable, HERE / "scale_cases.py", str(options.copies), cases], check=True)
        commands = {
            "touchtime": [options.touchtime, "report", "sessions", "--cases", cases, "--mapping", str(MAPPING), "--format", "csv", "--output", ours],
            "duckdb": [sys.executable, str(HERE / "lists_in_sql.py"), cases, theirs],
        }
        figures = {name: [] for name in commands}
        for run in range(options.runs + 1):
            for name, command in commands.items():
                figure = timed(command)
                if run > 0 or options.runs == 1:  # The first round warms the file cache.
                    figures[name].append(figure)
        a = lists(ours, lambda row: (int(row["room"].removeprefix("suite-")), row["local_date"]))
        b = lists(theirs, lambda row: (int(row["suite"]), row["day"]))
        different = [key for key in a.keys() | b.keys() if a.get(key) != b.get(key)]
        print(f"{len(a)} lists, {len(different)} different")
        for key in different[:3]:
            print(key, a.get(key), b.get(key), sep="\n  ")
        for name, runs in figures.items():
            seconds, memory = [r[0] for r in runs], [r[1] for r in runs]
            print(f"{name:10} wall {min(seconds):.2f} {statistics.median(seconds):.2f} {max(seconds):.2f} s (min median max), memory {max(memory):.0f} MB")
        ratio = statistics.median(d[0] / t[0] for t, d in zip(figures["touchtime"], figures["duckdb"]))
        memory = max(t[1] for t in figures["touchtime"]) / max(d[1] for d in figures["duckdb"])
        print(f"touchtime is {ratio:.2f} times as fast (median of pairs), with {memory:.2f} of the memory")
        sys.exit(bool(different))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Times a year of a large trust in a store: filing it, the report by months, and a collector's start.

    python3 tests/benchmarks/year.py --runs 5

The events are those of `make_year.py`, filed by `touchtime import events`. Beside the report stands DuckDB, which reads the
same events as exported JSON lines and adds up the minutes in theatre by month: far less than the report does, but the
least that anybody needs. The two take turns. Whole processes: wall and processor seconds, largest resident memory (of
the report it includes the pages of the store, which is mapped). A start lasts from the command to the first whole board.
"""
import argparse
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SQL = """
SET threads = 2;
SELECT month, sum(least(greatest(minutes, 0), 1440)) FROM (
    SELECT strftime(make_timestamp(min(instant) * 1000), '%Y-%m') AS month, (max(instant) - min(instant)) / 60000 AS minutes
    FROM (SELECT (event->>'at')::BIGINT AS instant, event->'obs'->'milestone' AS milestone
          FROM read_json('{file}', format = 'newline_delimited', columns = {{event: 'JSON'}}))
    WHERE milestone->>'name' IN ('into_theatre', 'out_of_theatre') GROUP BY milestone->>'case')
GROUP BY month ORDER BY month;
"""


def timed(command: list) -> tuple:
    """Wall seconds, processor seconds and megabytes of one run."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        sys.exit(f"{command[0]} failed")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000


def tell(name: str, runs: list) -> None:
    wall, processor, memory = zip(*runs)
    three = " ".join(f"{value:.2f}" for value in (min(wall), statistics.median(wall), max(wall)))
    print(f"{name:<17} wall {three} s (min median max), processor {statistics.median(processor):.2f} s, memory {max(memory):.0f} MB")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def started(touchtime: str, folder: str, store: str) -> float:
    """Seconds from the start of a collector, whose broker is not there, to its first board."""
    port, broker = free_port(), free_port()
    config = os.path.join(folder, "gateway.toml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(
            f'trust = "trust-1"\n[store]\ndir = "{store}"\n[broker]\nhost = "127.0.0.1"\nport = {broker}\n'
            f'[board]\nlisten = "127.0.0.1:{port}"\n[[sites]]\nid = "site-1"\nzone = "Europe/London"\n'
        )
    start = time.perf_counter()
    process = subprocess.Popen([touchtime, "run", "--config", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/?site=site-1&date=2024-06-12") as answer:
                    if "theatre-20" in answer.read().decode():
                        return time.perf_counter() - start
            except urllib.error.HTTPError as error:
                sys.exit(f"the board answers {error}")
            except OSError:
                time.sleep(0.01)
        sys.exit(f"the collector ended with {process.returncode}")
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--touchtime", default=str(ROOT / "target/release/touchtime"))
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        events, store = os.path.join(folder, "year.ndjson"), os.path.join(folder, "store")
        subprocess.run([sys.executable, HERE / "make_year.py", events], check=True)
        tell("touchtime import", [timed([options.touchtime, "import", "events", "--store", store, events])])
        sql = SQL.format(file=events)
        duckdb = [sys.executable, "-c", "import duckdb, sys; print(duckdb.sql(sys.argv[1]))", sql]
        report = [options.touchtime, "report", "months", "--store", store]
        ours, theirs = [], []
        for _ in range(options.runs):
            ours.append(timed(report))
            theirs.append(timed(duckdb))
        tell("touchtime report", ours)
        tell("duckdb sum", theirs)
        starts = [started(options.touchtime, folder, store) for _ in range(options.runs)]
        print(f"collector's start to its first board {min(starts):.2f} {statistics.median(starts):.2f} {max(starts):.2f} s (min median max)")


if __name__ == "__main__":
    main()

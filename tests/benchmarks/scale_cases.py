#!/usr/bin/env python3
"""Writes the bundled theatre cases many times over, each copy in suites and with case numbers of its own.

    python3 tests/benchmarks/scale_cases.py 1000 /tmp/cases_1000.csv      # 1,357,000 cases, 312,000 lists
"""
import csv
import pathlib
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[1] / "data" / "or_utilisation_2022_jan_feb.csv"


def main() -> None:
    copies, target = int(sys.argv[1]), sys.argv[2]
    with SOURCE.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    suite, case, index = header.index("or_suite"), header.index("encounter_id"), header.index("index")
    with open(target, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for copy in range(copies):
            for number, row in enumerate(rows):
                row = list(row)
                row[index] = str(copy * len(rows) + number)
                row[case] = str(int(row[case]) + copy * len(rows))
                row[suite] = str(int(row[suite]) + copy * 8)
                writer.writerow(row)


if __name__ == "__main__":
    main()

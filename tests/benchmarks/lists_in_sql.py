#!/usr/bin/env python3
"""The same measures of each list in SQL, on DuckDB with two threads: the partner of `touchtime report sessions`.

    python3 tests/benchmarks/lists_in_sql.py CASES.csv LISTS.csv

A list is a suite's day; the planned window runs from the earliest scheduled start to the latest scheduled end. Only what
SQL computes at one stroke is asked for: no extra cases, no belonging, no provisional lists. Minutes, as in the report.
"""
import sys

import duckdb

SQL = """
COPY (
WITH cases AS (
    SELECT or_suite AS suite, date AS day, encounter_id AS id, or_sched AS booked,
           or_sched + to_minutes(booked_dur) AS booked_end, wheels_in AS a, wheels_out AS b
    FROM read_csv(?, header = true, columns = {
        'index': 'BIGINT', 'encounter_id': 'BIGINT', 'date': 'DATE', 'or_suite': 'INTEGER', 'service': 'VARCHAR',
        'cpt_code': 'VARCHAR', 'cpt_desc': 'VARCHAR', 'booked_dur': 'INTEGER', 'or_sched': 'TIMESTAMP',
        'wheels_in': 'TIMESTAMP', 'start_time': 'TIMESTAMP', 'end_time': 'TIMESTAMP', 'wheels_out': 'TIMESTAMP',
        'actual_dur': 'INTEGER', 'timing': 'INTEGER'})
), plans AS (
    SELECT suite, day, min(booked) AS ps, max(booked_end) AS pe FROM cases GROUP BY ALL
), placed AS (
    SELECT c.suite, c.day, p.ps, p.pe, c.id, c.a, c.b,
           greatest(c.a, p.ps) AS ca, least(c.b, p.pe) AS cb,
           max(c.b) OVER earlier AS last_b,
           max(least(c.b, p.pe)) OVER earlier AS last_cb
    FROM cases c JOIN plans p USING (suite, day)
    WINDOW earlier AS (PARTITION BY c.suite, c.day ORDER BY c.a, c.b, c.id
                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), minutes AS (
    SELECT suite, day, ps, pe, a, b,
           epoch(b - a) / 60 AS touch,
           greatest(0, epoch(cb - ca) / 60) AS inside,
           greatest(0, epoch(cb - greatest(ca, coalesce(last_cb, ca))) / 60) AS capped,
           greatest(0, epoch(b - greatest(a, coalesce(last_b, a))) / 60) AS union_touch,
           CASE WHEN last_b IS NOT NULL THEN greatest(0, epoch(a - last_b) / 60) END AS turnover,
           CASE WHEN last_b IS NOT NULL
                THEN greatest(0, epoch(least(a, pe) - greatest(last_b, ps)) / 60) END AS gap
    FROM placed
)
SELECT suite, day, strftime(ps, '%Y-%m-%dT%H:%M:%SZ') AS planned_start, strftime(pe, '%Y-%m-%dT%H:%M:%SZ') AS planned_end,
       epoch(pe - ps) / 60 AS planned_min, count(*) AS cases_completed, sum(touch) AS touch_min, sum(capped) AS capped_min,
       sum(capped) / (epoch(pe - ps) / 60) AS capped_utilisation, sum(inside) AS capped_sum_min,
       least(sum(touch), epoch(pe - ps) / 60) AS capped_duration_min, sum(touch) / (epoch(pe - ps) / 60) AS uncapped_utilisation,
       sum(touch) - sum(union_touch) AS overlap_min,
       greatest(0, epoch(least(min(a), pe) - ps) / 60) AS late_start_min, greatest(0, epoch(ps - min(a)) / 60) AS early_start_min,
       greatest(0, epoch(pe - greatest(max(b), ps)) / 60) AS early_finish_min, greatest(0, epoch(max(b) - pe) / 60) AS overrun_min,
       sum(gap) AS gaps_in_session_min, count(turnover) AS turnovers, sum(turnover) AS turnover_min
FROM minutes GROUP BY suite, day, ps, pe
) TO '{target}' (HEADER)
"""


def main() -> None:
    cases, target = sys.argv[1], sys.argv[2]
    connection = duckdb.connect(config={"threads": 2})
    connection.execute(SQL.replace("{target}", target.replace("'", "''")), [cases])


if __name__ == "__main__":
    main()

-- The capped minutes of each list from the intervals of its cases: the union of touch inside the plan, right to the
-- millisecond. Equal to `capped_min`, `touch_min` and `capped_sum_min` of `touchtime report sessions`.
--
-- `cases` is the table of that name of `touchtime export dataset`; its columns from_ms and to_ms are those of the touch in
-- milliseconds since 1970, since engines do not agree on how instants are subtracted.
WITH clipped AS (
    SELECT
        session_id, planned_from_ms, planned_to_ms, from_ms, to_ms,
        CASE WHEN from_ms < planned_from_ms THEN planned_from_ms ELSE from_ms END AS inside_from,
        CASE WHEN to_ms > planned_to_ms THEN planned_to_ms ELSE to_ms END AS inside_to
    FROM cases
    WHERE state IN ('complete', 'abandoned')
), ordered AS (
    SELECT
        session_id, planned_from_ms, planned_to_ms, from_ms, to_ms, inside_from, inside_to,
        MAX(inside_to) OVER (
            PARTITION BY session_id ORDER BY from_ms, to_ms ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS covered_to
    FROM clipped
)
SELECT
    session_id,
    CAST(SUM(
        CASE
            WHEN covered_to IS NOT NULL AND covered_to >= inside_to THEN 0
            WHEN covered_to IS NOT NULL AND covered_to > inside_from THEN inside_to - covered_to
            WHEN inside_to > inside_from THEN inside_to - inside_from
            ELSE 0
        END
    ) AS DOUBLE) / 60000 AS capped_min,
    CAST(SUM(CASE WHEN inside_to > inside_from THEN inside_to - inside_from ELSE 0 END) AS DOUBLE) / 60000 AS capped_sum_min,
    CAST(SUM(to_ms - from_ms) AS DOUBLE) / 60000 AS touch_min
FROM ordered
GROUP BY session_id

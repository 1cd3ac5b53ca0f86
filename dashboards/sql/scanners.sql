-- The headline measures of scanner sessions that have begun, for each scanner, and for each scanner and month.
-- Equal to `touchtime report scanners` and `scanner-months`; an accession counts once, in one session.
--
-- `scanner_sessions` is the table of that name of `touchtime export dataset`, with trust and month from its paths.
WITH counted AS (
    SELECT
        trust, site, room, month, room_kind,
        operational_min, elapsed_min, observed_min, occupied_min, productive_min, changeover_min, changeovers,
        first_scan_delay_min, counted_completed, counted_inferred, counted_discontinued, counted_out_of_hours,
        attendances, booked, did_not_attend,
        CASE WHEN enough_observed THEN 1 ELSE 0 END AS is_rated,
        CASE WHEN enough_observed THEN observed_min END AS rated_min,
        CASE WHEN enough_observed THEN counted_completed + counted_inferred ELSE 0 END AS rated_exams,
        CASE WHEN enough_observed THEN attendances ELSE 0 END AS rated_attendances
    FROM scanner_sessions
)
SELECT
    CASE WHEN GROUPING(month) = 0 THEN 'scanner-months' ELSE 'scanners' END AS report,
    trust, site, room, month, room_kind,
    COUNT(*) AS sessions,
    SUM(is_rated) AS sessions_observed,
    SUM(operational_min) AS operational_min,
    SUM(observed_min) / NULLIF(SUM(elapsed_min), 0) AS observed_share,
    SUM(counted_completed) AS exams_completed,
    SUM(counted_inferred) AS exams_inferred,
    SUM(counted_out_of_hours) AS out_of_hours_exams,
    SUM(attendances) AS attendances,
    CAST(SUM(rated_exams) AS DOUBLE) * 60 / NULLIF(SUM(rated_min), 0) AS exams_per_hour,
    CAST(SUM(rated_attendances) AS DOUBLE) * 60 / NULLIF(SUM(rated_min), 0) AS attendances_per_hour,
    SUM(occupied_min) / NULLIF(SUM(elapsed_min), 0) AS occupied_utilisation,
    SUM(productive_min) / NULLIF(SUM(elapsed_min), 0) AS productive_utilisation,
    SUM(changeover_min) / NULLIF(SUM(changeovers), 0) AS changeover_mean_min,
    AVG(first_scan_delay_min) AS first_scan_delay_mean_min,
    CAST(SUM(counted_discontinued) AS DOUBLE)
        / NULLIF(SUM(counted_completed) + SUM(counted_inferred) + SUM(counted_out_of_hours) + SUM(counted_discontinued), 0)
        AS discontinued,
    CAST(SUM(did_not_attend) AS DOUBLE) / NULLIF(SUM(booked), 0) AS did_not_attend_rate
FROM counted
GROUP BY GROUPING SETS (
    (trust, site, room, room_kind),
    (trust, site, room, month, room_kind)
)

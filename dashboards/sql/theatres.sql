-- The headline measures of theatre lists, for each room, site, trust, specialty, week, month and for all together.
-- Equal to `touchtime report rooms`, `sites`, `trusts`, `specialties`, `weeks`, `months` and `system`.
--
-- `lists` is the table of that name of `touchtime export dataset`, with trust and month from its paths (docs/exports.md).
-- Elective and emergency lists, and kinds of room, are never pooled. Sums are divided, percentages never averaged.
WITH counted AS (
    SELECT
        trust, site, room, specialty, week, month, room_kind, kind,
        CASE WHEN held OR state = 'unused' OR (state = 'cancelled' AND scheduled_capacity) THEN 1 ELSE 0 END AS is_over,
        CASE WHEN held THEN 1 ELSE 0 END AS is_held,
        CASE WHEN held THEN planned_min END AS planned,
        CASE WHEN held THEN counted_min END AS counted,
        CASE WHEN held THEN touch_min END AS touch,
        CASE WHEN held THEN counted_min / planned_min END AS share,
        CASE WHEN held THEN cases_completed ELSE 0 END AS completed,
        CASE WHEN held THEN day_cases ELSE 0 END AS day_cases,
        CASE WHEN held THEN inpatients ELSE 0 END AS inpatients,
        CASE WHEN held THEN turnovers ELSE 0 END AS turnovers,
        CASE WHEN held THEN turnover_min END AS turnover,
        CASE WHEN held THEN gaps_in_session_min END AS gaps,
        CASE WHEN held THEN late_start_min END AS late,
        CASE WHEN held AND NOT early_finish_uncertain THEN early_finish_min END AS early,
        CASE WHEN held THEN overrun_min END AS overrun,
        cases_booked, cases_cancelled_on_day
    FROM lists
)
SELECT
    CASE
        WHEN GROUPING(room) = 0 THEN 'rooms'
        WHEN GROUPING(site) = 0 THEN 'sites'
        WHEN GROUPING(trust) = 0 THEN 'trusts'
        WHEN GROUPING(specialty) = 0 THEN 'specialties'
        WHEN GROUPING(week) = 0 THEN 'weeks'
        WHEN GROUPING(month) = 0 THEN 'months'
        ELSE 'system'
    END AS report,
    trust, site, room, specialty, week, month, room_kind, kind,
    SUM(is_over) AS sessions,
    SUM(is_held) AS sessions_held,
    SUM(planned) AS planned_min,
    SUM(counted) / SUM(planned) AS capped_utilisation,
    AVG(share) AS mean_of_lists,
    SUM(touch) / SUM(planned) AS uncapped_utilisation,
    SUM(completed) AS cases_completed,
    CAST(SUM(completed) AS DOUBLE) / NULLIF(SUM(is_held), 0) AS cases_per_list,
    CAST(SUM(completed) AS DOUBLE) * 240 / SUM(planned) AS cases_per_4h,
    SUM(CASE WHEN is_over = 1 THEN cases_booked ELSE 0 END) AS cases_booked,
    CAST(SUM(CASE WHEN is_over = 1 THEN cases_cancelled_on_day ELSE 0 END) AS DOUBLE)
        / NULLIF(SUM(CASE WHEN is_over = 1 THEN cases_booked ELSE 0 END), 0) AS cancelled_on_day_rate,
    CAST(SUM(day_cases) AS DOUBLE) / NULLIF(SUM(day_cases) + SUM(inpatients), 0) AS day_case_rate,
    SUM(turnovers) AS turnovers,
    SUM(turnover) / NULLIF(SUM(turnovers), 0) AS turnover_mean_min,
    SUM(gaps) AS gaps_in_session_min,
    AVG(late) AS late_start_mean_all_min,
    AVG(early) AS early_finish_mean_all_min,
    AVG(overrun) AS overrun_mean_all_min
FROM counted
GROUP BY GROUPING SETS (
    (trust, site, room, room_kind, kind),
    (trust, site, room_kind, kind),
    (trust, room_kind, kind),
    (specialty, room_kind, kind),
    (week, room_kind, kind),
    (month, room_kind, kind),
    (room_kind, kind)
)

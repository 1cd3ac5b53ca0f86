"""Scanners: live and trends."""

from blocks import (
    BLUE, BY_ROOM, COUNT, GREY, INK, MINUTES, OF_ROOM, ORANGE, PER_HOUR, PINK, ROOM_NAMED, SCANS_PER_HOUR, SHARE, TEXT, Dashboard,
    at_least, bars, dashboard_url,
    histogram, lines, link, marked, matches, none_is_good, planned_starts, query, rows, stat, steps, tag_variable, timeline,
    value_map,
)
from theatres import SIGNALS, xmr

PLACE = matches("trust", "site", "room", "room_kind")
# A session that is no more has `sessions` = 0 and stays out of everything.
SESSIONS = f'"sessions" = 1 AND {PLACE} AND $timeFilter'
OBSERVED = f'{SESSIONS} AND "enough_observed" = 1'
RATE = '60 * sum("exams") / sum("observed_min")'
WEEKS = 'time(7d, 4d)'

VARIABLES = [
    tag_variable("trust", "Trust", "touchtime_scan_session"),
    tag_variable("site", "Site", "touchtime_scan_session", within=("trust",)),
    tag_variable("room_kind", "Kind", "touchtime_scan_session", within=("trust", "site")),
    tag_variable("room", "Scanner", "touchtime_scan_session", within=("trust", "site", "room_kind")),
]
STATES = value_map(c0=("idle", GREY), c1=("not known", PINK), c2=("in use", BLUE), c3=("scanning", BLUE))
NAMES = {"mri": "MRI", "ct": "CT", "nous": "Ultrasound"}
TO_TRENDS = [link("Trends of this scanner", dashboard_url("touchtime-scanner-trends", "var-room=${__value.raw}"))]


def rates(board, width):
    """A number for each kind that has a target."""
    for kind, target in SCANS_PER_HOUR.items():
        board.add(stat(
            f"{NAMES[kind]}: exams per hour", f"""60 x sum(exams) / sum(observed_min) of the {NAMES[kind]} sessions of which
            enough was observed. Thresholds are the built-in target of {target} an hour; a trust's own is in the panels beside.
            An exam is an accession: neither a DIDS nor a DM01 count.""",
            query(f'SELECT {RATE} AS "an hour" FROM "touchtime_scan_session" WHERE {OBSERVED} AND "room_kind" = \'{kind}\''),
            PER_HOUR, thresholds=at_least(target), decimals=2, no_value="none observed"), width, 5)


def live():
    """What somebody could still do something about today."""
    board = Dashboard(
        "touchtime-scanners", "Touchtime: scanners today",
        "How today's scanner sessions stand against their targets.",
        variables=VARIABLES, times=("now/d", "now/d"), refresh="1m",
        annotations=[planned_starts(f'SELECT "session_id" FROM "touchtime_scan_session" WHERE {SESSIONS}', "session_id")],
    )
    rates(board, 4)
    board.add(stat(
        "Exams against the target", "sum(exams) / sum(target_exams) of sessions with a target of which enough was observed.",
        query(f'''SELECT sum("exams") / sum("target_exams") AS "of target" FROM "touchtime_scan_session"
                  WHERE {OBSERVED} AND "has_target" = 1'''), SHARE, thresholds=at_least(1), decimals=0), 4, 5)
    board.add(stat(
        "Short of target", "Whole exams by which sessions are behind their targets: sum(short_of_target).",
        query(f'SELECT sum("short_of_target") AS "short" FROM "touchtime_scan_session" WHERE {SESSIONS} AND "has_target" = 1'),
        COUNT, thresholds=none_is_good()), 4, 5)
    board.add(stat(
        "Watched", """Of the operational time so far, what was observed: sum(observed_min) / sum(elapsed_min). A silent feed is
        unknown, never idle; below 90 % a session has no rate.""",
        query(f'''SELECT sum("observed_min") / sum("elapsed_min") AS "watched" FROM "touchtime_scan_session"
                  WHERE {SESSIONS} AND "elapsed_min" > 0'''), SHARE, thresholds=at_least(0.9), decimals=0), 4, 5)
    board.add(timeline(
        "Scanners", "What each scanner did, from its performed steps: the state holds until the next one. Marks are planned starts.",
        query(f'''SELECT "state_code" FROM "touchtime_room_state" WHERE {PLACE} AND "room_kind" =~ /^(mri|ct|nous|echo)$/
                  AND $timeFilter GROUP BY {BY_ROOM}''', alias=ROOM_NAMED), STATES), 24, 8)
    board.add(rows(
        "Sessions", """Each session of the day. Exams an hour are 60 x exams / observed_min of the session, of which enough was
        observed for a rate only where Enough observed is yes.""",
        f'''SELECT "session_id", "state", "exams", 60 * "exams" / "observed_min" AS "rate", "target_per_hour", "short_of_target",
            "enough_observed", "changeovers", "first_scan_delay_min", "unknown_min", "did_not_attend", "quality"
            FROM "touchtime_scan_session" WHERE {SESSIONS} AND "observed_min" > 0 GROUP BY {BY_ROOM}, "room_kind"''',
        {"session_id": ("Session", TEXT), **OF_ROOM, "room": ("Scanner", TEXT, {"links": TO_TRENDS}),
         "room_kind": ("Kind", TEXT), "state": ("State", TEXT), "exams": ("Exams", COUNT),
         "rate": ("An hour", PER_HOUR, {"decimals": 2}), "target_per_hour": ("Target", PER_HOUR),
         "short_of_target": ("Short by", COUNT, marked(none_is_good())),
         "enough_observed": ("Enough observed", "bool_yes_no"), "changeovers": ("Changeovers", COUNT),
         "first_scan_delay_min": ("First scan", MINUTES), "unknown_min": ("Unknown", MINUTES),
         "did_not_attend": ("Did not attend", COUNT), "quality": ("Quality", TEXT)}), 24, 9)
    board.add(lines(
        "Exams by hour", """Exams that ended in each hour: sum(exams_completed) and sum(exams_inferred). An inferred exam's end is
        that of its last image.""",
        query(f'''SELECT sum("exams_completed") AS "completed", sum("exams_inferred") AS "inferred" FROM "touchtime_scan_hour"
                  WHERE {PLACE} AND $timeFilter GROUP BY time(1h) fill(0)''', alias="$col"),
        COUNT, style="bars", stacked=True), 12, 8)
    board.add(bars(
        "Changeover by scanner", "Mean known changeover: sum(changeover_min) / sum(changeovers).",
        query(f'''SELECT sum("changeover_min") / sum("changeovers") AS "changeover" FROM "touchtime_scan_session"
                  WHERE {SESSIONS} AND "changeovers" > 0 GROUP BY {BY_ROOM}''', alias=ROOM_NAMED),
        MINUTES, low=0, decimals=1), 12, 8)
    return board


def trends():
    """What has changed, and what is noise."""
    board = Dashboard(
        "touchtime-scanner-trends", "Touchtime: scanner trends",
        "Exams per hour of scanners by month with control limits, and what takes the time.",
        variables=VARIABLES, times=("now-2y", "now"),
    )
    rates(board, 4)
    board.add(stat(
        "Productive", """Time in completed steps over operational time: sum(productive_min) / sum(operational_min).""",
        query(f'''SELECT sum("productive_min") / sum("operational_min") AS "productive" FROM "touchtime_scan_session"
                  WHERE {OBSERVED} AND "operational_min" > 0'''), SHARE, decimals=1), 4, 5)
    board.add(stat(
        "Did not attend", "sum(did_not_attend) / sum(booked) of sessions with bookings.",
        query(f'''SELECT sum("did_not_attend") / sum("booked") AS "did not attend" FROM "touchtime_scan_session"
                  WHERE {SESSIONS} AND "booked" > 0'''), SHARE, decimals=1, no_value="no bookings"), 4, 5)
    board.add(stat(
        "Discontinued", """Exams of which nothing was completed: sum(exams_discontinued) / (sum(exams) +
        sum(exams_discontinued)).""",
        query(f'''SELECT sum("exams_discontinued") / (sum("exams") + sum("exams_discontinued")) AS "discontinued"
                  FROM "touchtime_scan_session" WHERE {SESSIONS} AND ("exams" > 0 OR "exams_discontinued" > 0)'''),
        SHARE, decimals=1), 4, 5)
    board.section("Control charts by month")
    board.add(xmr("Exams an hour of the scanner", "$room: exams per hour", "room", PER_HOUR, "exams_per_hour",
                  f"\"period\" = 'month' AND {matches('room_kind')}", repeat="room"), 24, 9)
    board.add(rows(
        "Special causes", """Months that a rule of the control chart marks in exams an hour: outside a limit, a trend of 7, two
        of three near a limit, a shift of 7.""",
        f'''SELECT "value", "centre", "special_cause", "rule", "assurance", "lists" FROM "touchtime_trend" WHERE "present" = 1
            AND "special_cause" != 0 AND "measure" = 'exams_per_hour' AND {PLACE} AND $timeFilter
            GROUP BY {BY_ROOM}, "room_kind"''',
        {"Time": ("Month from", "dateTimeAsIso"), **OF_ROOM, "room_kind": ("Kind", TEXT),
         "value": ("An hour", PER_HOUR, {"decimals": 2}), "centre": ("Centre", PER_HOUR, {"decimals": 2}),
         "special_cause": ("Signal", COUNT, {"mappings": SIGNALS}), "rule": ("Rule", TEXT),
         "assurance": ("Target", COUNT), "lists": ("Sessions", COUNT)}, no_value="none"), 12, 9)
    board.add(lines(
        "Exams per hour by week", """60 x sum(exams) / sum(observed_min) of each kind's sessions of the week of which enough was
        observed. Weeks begin on Monday, UTC. Targets differ by kind: see the numbers above.""",
        query(f'''SELECT {RATE} AS "an hour" FROM "touchtime_scan_session" WHERE {OBSERVED}
                  GROUP BY {WEEKS}, "room_kind" fill(none)''', alias="$tag_room_kind"), PER_HOUR), 12, 9)
    board.section("What takes the time")
    board.add(bars(
        "Exams against the target", "sum(exams) / sum(target_exams) of each scanner's sessions with a target.",
        query(f'''SELECT sum("exams") / sum("target_exams") AS "of target" FROM "touchtime_scan_session"
                  WHERE {OBSERVED} AND "has_target" = 1 GROUP BY {BY_ROOM}''', alias=ROOM_NAMED),
        SHARE, thresholds=at_least(1), low=0, decimals=0), 8, 9)
    board.add(bars(
        "Occupied", "Time in steps over operational time: sum(occupied_min) / sum(operational_min) of each scanner.",
        query(f'''SELECT sum("occupied_min") / sum("operational_min") AS "occupied" FROM "touchtime_scan_session"
                  WHERE {OBSERVED} AND "operational_min" > 0 GROUP BY {BY_ROOM}''', alias=ROOM_NAMED),
        SHARE, low=0, high=1, decimals=0), 8, 9)
    board.add(histogram(
        "First scan", "Minutes from the planned start to the first scan, where it is known; negative when it was earlier.",
        f'''SELECT "first_scan_delay_min" FROM "touchtime_scan_session" WHERE {SESSIONS} AND "first_scan_known" = 1''',
        MINUTES, 5), 8, 9)
    return board


DASHBOARDS = [live(), trends()]

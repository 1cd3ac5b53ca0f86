"""Theatres: live, trends, variation, one list."""

from blocks import (
    BLUE, BY_ROOM, COUNT, DAY_CASE_TARGET, GREY, INK, MINUTES, OF_ROOM, ORANGE, PINK, RED, ROOM_NAMED, SHARE, SKY, TEXT, TO_AUDIT,
    UTILISATION_TARGET,
    Dashboard, at_least, bars, choice, dashboard_url, histogram, lines, link, marked, matches, none_is_good, note, override,
    planned_starts, query, query_variable, rows, stat, steps, table, tag_variable, timeline, value_map,
)

PLACE = matches("trust", "site", "room")
# A list that is no more has `sessions` = 0 and stays out of everything.
LISTS = f'"sessions" = 1 AND {PLACE} AND {matches("specialty")} AND $timeFilter'
ELECTIVE = "\"room_kind\" = 'theatre' AND \"list_kind\" = 'elective'"
MEASURED = f'{LISTS} AND "measured" = 1'
SO_FAR = f'{LISTS} AND ("measured" = 1 OR "running" = 1)'
WEEKS = "GROUP BY time(7d, 4d) fill(none)"

VARIABLES = [
    tag_variable("trust", "Trust", "touchtime_list"),
    tag_variable("site", "Site", "touchtime_list", within=("trust",)),
    tag_variable("room", "Room", "touchtime_list", within=("trust", "site")),
    tag_variable("specialty", "Specialty", "touchtime_list", within=("trust", "site", "room")),
]

STATES = value_map(c0=("idle", GREY), c1=("taken, not known how", PINK), c2=("patient in theatre", SKY),
                   c3=("procedure", BLUE))
ONE_LIST = {"session_id": ("List", TEXT, {"links": TO_AUDIT})}
COUNTED = """Elective lists of operating theatres: those closed with a started case and those that run or are due.
             The whole plan of a running list is in the denominator."""


def live():
    """What somebody could still do something about today."""
    board = Dashboard(
        "touchtime-theatres", "Touchtime: theatres today",
        "How today's lists stand: what is late, what will run over, what is still to come.",
        variables=VARIABLES, times=("now/d", "now/d"), refresh="1m",
        annotations=[planned_starts(
            f'SELECT "session_id" FROM "touchtime_list" WHERE {LISTS}', "session_id")],
    )
    board.add(stat(
        "Capped utilisation so far", f'{COUNTED} sum(counted_min) / sum(planned_min); the target is 85 %.',
        query(f'SELECT sum("counted_min") / sum("planned_min") AS "so far" FROM "touchtime_list" WHERE {SO_FAR} AND {ELECTIVE}'),
        SHARE, thresholds=at_least(UTILISATION_TARGET), decimals=1), 6, 5)
    board.add(stat(
        "The most it can still reach",
        f'{COUNTED} sum(capped_best_min) / sum(planned_min): what is known, with all unknown and all coming time taken.',
        query(f'SELECT sum("capped_best_min") / sum("planned_min") AS "at most" FROM "touchtime_list" WHERE {SO_FAR} AND {ELECTIVE}'),
        SHARE, thresholds=at_least(UTILISATION_TARGET), decimals=1), 5, 5)
    board.add(stat(
        "Lists under way", "Lists that have begun or are due and are not closed: sum(running).",
        query(f'SELECT sum("running") AS "under way" FROM "touchtime_list" WHERE {LISTS}'), COUNT), 3, 5)
    board.add(stat(
        "Cases completed of booked", "All lists of the day: sum(cases_completed) and sum(cases_booked).",
        query(f'SELECT sum("cases_completed") AS "completed", sum("cases_booked") AS "booked" FROM "touchtime_list" WHERE {LISTS}'),
        COUNT), 4, 5)
    board.add(stat(
        "Started late", "Lists whose first case came later than the rule set's threshold (10 minutes): sum(late_start_flag).",
        query(f'SELECT sum("late_start_flag") AS "late" FROM "touchtime_list" WHERE {LISTS}'), COUNT,
        thresholds=none_is_good()), 3, 5)
    board.add(stat(
        "Overran", "Closed lists that ran over by more than the rule set's threshold (60 minutes): sum(overrun_flag).",
        query(f'SELECT sum("overrun_flag") AS "over" FROM "touchtime_list" WHERE {LISTS}'), COUNT,
        thresholds=none_is_good()), 3, 5)
    board.add(timeline(
        "Rooms", "What each room did, from its cases' milestones: the state holds until the next one. "
        "Marks are planned starts.",
        query(f'''SELECT "state_code" FROM "touchtime_room_state" WHERE "room_kind" =~ /^(theatre|cath_lab|endoscopy)$/
                  AND {PLACE} AND $timeFilter GROUP BY {BY_ROOM}''', alias=ROOM_NAMED), STATES), 24, 9)
    board.add(rows(
        "Lists", """Each list of the day. Utilisation is counted_min / planned_min of the list; a list without a plan has
        none and is left out. Follow the id to its arithmetic.""",
        f'''SELECT "session_id", "state", "counted_min" / "planned_min" AS "utilisation", "planned_min", "remaining_min",
            "late_start_min", "overrun_min", "cases_completed", "cases_booked", "quality"
            FROM "touchtime_list" WHERE {LISTS} AND "planned_min" > 0 GROUP BY {BY_ROOM}, "specialty", "list_kind"''',
        ONE_LIST | OF_ROOM | {
            "specialty": ("Specialty", TEXT), "list_kind": ("Kind", TEXT),
            "state": ("State", TEXT), "utilisation": ("Utilisation so far", SHARE, {"decimals": 1}),
            "planned_min": ("Planned", MINUTES), "remaining_min": ("Still to come", MINUTES),
            "late_start_min": ("Late start", MINUTES, marked(steps((None, INK), (10, ORANGE)))),
            "overrun_min": ("Overrun", MINUTES, marked(steps((None, INK), (60, ORANGE)))),
            "cases_completed": ("Completed", COUNT), "cases_booked": ("Booked", COUNT), "quality": ("Quality", TEXT),
        }), 24, 10)
    board.add(bars(
        "Utilisation so far by room", f"{COUNTED} sum(counted_min) / sum(planned_min) of each room; the target is 85 %.",
        query(f'''SELECT sum("counted_min") / sum("planned_min") AS "so far" FROM "touchtime_list"
                  WHERE {SO_FAR} AND {ELECTIVE} GROUP BY {BY_ROOM}''', alias=ROOM_NAMED),
        SHARE, thresholds=at_least(UTILISATION_TARGET), low=0, high=1, decimals=1), 8, 9)
    board.add(rows(
        "Due and not begun",
        """Running lists without a started case, and how far they are past the planned start: planned_min - remaining_min. The
        late start itself is known with the first case.""",
        f'''SELECT "session_id", "planned_min" - "remaining_min" AS "late", "quality" FROM "touchtime_list" WHERE {LISTS}
            AND "running" = 1 AND "cases_started" = 0 GROUP BY {BY_ROOM}''',
        ONE_LIST | OF_ROOM | {
                    "late": ("Past the start", MINUTES, {"decimals": 0} | marked(steps((None, INK), (10, ORANGE)))),
                    "quality": ("Quality", TEXT)},
        sort="-Past the start", no_value="none"), 8, 9)
    board.add(rows(
        "Expected to run over",
        """Running lists whose booked cases need more time than is planned, if each takes as long as those begun so far did:
        (booked - cancelled - started) x touch_min / started - remaining_min, above 0. What the running case still needs is
        not in it, so it is a lower bound.""",
        f'''SELECT "session_id", "over" FROM (SELECT "session_id",
            ("cases_booked" - "cases_cancelled_on_day" - "cases_started") * "touch_min" / "cases_started" - "remaining_min"
            AS "over" FROM "touchtime_list" WHERE {LISTS} AND "running" = 1 AND "cases_started" > 0
            GROUP BY {BY_ROOM}) WHERE "over" > 0 GROUP BY {BY_ROOM}''',
        ONE_LIST | OF_ROOM | {"over": ("Over by at least", MINUTES, {"decimals": 0})},
        sort="-Over by at least", no_value="none"), 8, 9)
    return board


def xmr(name, title, grouping, unit, variable, more, **options):
    """A control chart from ready-made limits."""
    by = {"trust": ("trust",), "site": ("trust", "site"), "room": ("trust", "site", "room"),
          "specialty": ("trust", "specialty")}[grouping]
    where = f"""WHERE "present" = 1 AND "grouping" = '{grouping}' AND "measure" = '{variable}' AND {more}
                AND {matches(*by)} AND $timeFilter"""
    tags = ", ".join(f'"{tag}"' for tag in (*by, "room_kind", "list_kind"))
    series = " ".join(f"$tag_{tag}" for tag in by)
    made = lines(
        title, f"""{name}: each point is one period that is over, computed as `touchtime report` does. Process limits: centre
        (mean since the last rebase) +/- 2.66 x mean moving range; fewer than 12 points give trial limits, fewer than 2 none.
        The last fields are drawn where has_limits = 1.""",
        [query(f'SELECT "value" FROM "touchtime_trend" {where} GROUP BY {tags}', alias=series),
         query(f'''SELECT "centre", "lower_limit", "upper_limit" FROM "touchtime_trend" {where} AND "has_limits" = 1
                   GROUP BY {tags}''', alias=f"{series} $col")],
        unit, **options)
    made["fieldConfig"]["overrides"] = [
        {"matcher": {"id": "byRegexp", "options": "/(lower|upper)_limit$/"}, "properties": [
            {"id": "color", "value": {"mode": "fixed", "fixedColor": INK}},
            {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [6, 4]}},
            {"id": "custom.showPoints", "value": "never"}]},
        {"matcher": {"id": "byRegexp", "options": "/centre$/"}, "properties": [
            {"id": "color", "value": {"mode": "fixed", "fixedColor": INK}},
            {"id": "custom.lineWidth", "value": 1}, {"id": "custom.showPoints", "value": "never"}]},
    ]
    return made


SHARES = {
    "capped_utilisation": "Capped utilisation", "scheduled_capacity_utilisation": "Utilisation of scheduled capacity",
    "uncapped_utilisation": "Uncapped utilisation", "sessions_held_rate": "Sessions held", "day_case_rate": "Day-case rate",
    "cancelled_on_day_rate": "Cancelled on the day", "late_start_share": "Lists that start late",
    "late_start_flag_rate": "Lists flagged late", "early_finish_share": "Lists that finish early",
    "overrun_share": "Lists that overrun",
}
TIMES = {
    "late_start_mean_all_min": "Late start, mean of all lists", "late_start_mean_affected_min": "Late start, mean of late lists",
    "early_finish_mean_all_min": "Early finish, mean of all lists", "overrun_mean_all_min": "Overrun, mean of all lists",
    "turnover_mean_min": "Turnover, mean",
}
KINDS = {"elective": "Elective", "emergency": "Emergency"}
THEATRES = "\"room_kind\" = 'theatre' AND \"list_kind\" = '$list_kind'"
OF_PERIOD = f"\"period\" = '$period' AND {THEATRES}"
BY_MONTH = f"\"period\" = 'month' AND {THEATRES}"
TO_VARIATION = [link("Compare providers", dashboard_url("touchtime-variation", "${trust:queryparam}"))]


def trends():
    """What has changed, and what is noise."""
    board = Dashboard(
        "touchtime-theatre-trends", "Touchtime: theatre trends",
        "Control charts of theatre measures by trust, site, room and specialty, and where the minutes go.",
        variables=[*VARIABLES, choice("list_kind", "Lists", KINDS, "elective"),
                   choice("period", "Period", {"month": "Months", "week": "Weeks"}, "month"),
                   choice("share", "Share", SHARES, "capped_utilisation"),
                   choice("minutes", "Minutes", TIMES, "late_start_mean_all_min")],
        times=("now-2y", "now"),
    )
    board.add(stat(
        "Capped utilisation", """Elective lists of operating theatres that are closed and had a started case, in the chosen
        time: sum(counted_min) / sum(planned_min); the target is 85 %.""",
        query(f'SELECT sum("counted_min") / sum("planned_min") AS "capped" FROM "touchtime_list" WHERE {MEASURED} AND {ELECTIVE}'),
        SHARE, thresholds=at_least(UTILISATION_TARGET), decimals=2, links=TO_VARIATION), 5, 5)
    board.add(stat(
        "Lists measured", "How many lists the shares are of: sum(measured), elective ones of operating theatres.",
        query(f'SELECT sum("measured") AS "lists" FROM "touchtime_list" WHERE {LISTS} AND {ELECTIVE}'), COUNT), 3, 5)
    board.add(stat(
        "Cases per list", "Completed cases over measured elective lists: sum(cases_completed) / sum(measured).",
        query(f'SELECT sum("cases_completed") / sum("measured") AS "cases" FROM "touchtime_list" WHERE {MEASURED} AND {ELECTIVE}'),
        COUNT, decimals=2), 4, 5)
    board.add(stat(
        "Day-case rate", "sum(day_cases) / (sum(day_cases) + sum(inpatients)) of elective lists; the target is 85 %.",
        query(f'''SELECT sum("day_cases") / (sum("day_cases") + sum("inpatients")) AS "day cases" FROM "touchtime_list"
                  WHERE {MEASURED} AND {ELECTIVE} AND ("day_cases" > 0 OR "inpatients" > 0)'''),
        SHARE, thresholds=at_least(DAY_CASE_TARGET), decimals=1, no_value="patient class unknown"), 4, 5)
    board.add(stat(
        "Cancelled on the day", "sum(cases_cancelled_on_day) / sum(cases_booked), all reasons, all elective lists.",
        query(f'''SELECT sum("cases_cancelled_on_day") / sum("cases_booked") AS "cancelled" FROM "touchtime_list"
                  WHERE {LISTS} AND {ELECTIVE} AND "cases_booked" > 0'''), SHARE, decimals=1), 4, 5)
    board.add(stat(
        "Mean turnover", "sum(turnover_min) / sum(turnovers) of measured elective lists: known turnovers only.",
        query(f'''SELECT sum("turnover_min") / sum("turnovers") AS "turnover" FROM "touchtime_list"
                  WHERE {MEASURED} AND {ELECTIVE} AND "turnovers" > 0'''), MINUTES, decimals=1), 4, 5)
    board.section("Control charts of a share")
    board.add(xmr("The chosen share of the trust", "Trust: $share", "trust", SHARE, "$share", OF_PERIOD), 24, 9)
    board.add(xmr("The chosen share of each specialty", "Specialty $specialty: $share", "specialty", SHARE, "$share", OF_PERIOD,
                  repeat="specialty"), 24, 8)
    board.add(xmr("The chosen share of the site", "Site $site: $share", "site", SHARE, "$share", OF_PERIOD, repeat="site"), 24, 8)
    board.add(xmr("The chosen share of the room, by month", "Room $room: $share", "room", SHARE, "$share", BY_MONTH,
                  repeat="room"), 24, 8)
    board.section("Control charts of minutes")
    board.add(xmr("The chosen minutes of the trust", "Trust: $minutes", "trust", MINUTES, "$minutes", OF_PERIOD), 12, 9)
    board.add(xmr("The chosen minutes of the site", "Site $site: $minutes", "site", MINUTES, "$minutes", OF_PERIOD), 12, 9)
    board.section("Signals and where the minutes go")
    board.add(rows(
        "Special causes", """Periods that a rule of the control chart marks in capped utilisation: outside a limit, a trend of
        7, two of three near a limit, a shift of 7. 1 is an improvement, -1 a concern, 2 neither.""",
        f'''SELECT "value", "centre", "special_cause", "rule", "lists" FROM "touchtime_trend" WHERE "present" = 1
            AND "special_cause" != 0 AND "measure" = 'capped_utilisation' AND {OF_PERIOD} AND {matches("trust")}
            AND $timeFilter GROUP BY "grouping", {BY_ROOM}, "specialty"''',
        {"Time": ("Period from", "dateTimeAsIso"), "grouping": ("By", TEXT), **OF_ROOM,
         "specialty": ("Specialty", TEXT), "value": ("Value", SHARE, {"decimals": 1}),
         "centre": ("Centre", SHARE, {"decimals": 1}),
         "special_cause": ("Signal", COUNT, {"mappings": SIGNALS}), "rule": ("Rule", TEXT), "lists": ("Lists", COUNT)},
        no_value="none"), 12, 9)
    parts = {"capped_min": BLUE, "unknown_min": GREY, "late_start_min": ORANGE, "gaps_min": SKY, "early_finish_min": PINK}
    made = lines(
        "Planned minutes by what became of them", """Of each week's measured elective lists: capped + unknown + late start +
        gaps + early finish = planned minutes, for lists whose early finish is known. Weeks begin on Monday, UTC.""",
        query(f'''SELECT {", ".join(f'sum("{part}") AS "{part}"' for part in parts)} FROM "touchtime_list"
                  WHERE {MEASURED} AND {ELECTIVE} {WEEKS}''', alias="$col"), MINUTES, style="bars", stacked=True)
    made["fieldConfig"]["overrides"] = [
        override(part, color={"mode": "fixed", "fixedColor": colour}, displayName=part.removesuffix("_min").replace("_", " "))
        for part, colour in parts.items()]
    board.add(made, 12, 9)
    board.add(lines(
        "Capped utilisation by week", """sum(counted_min) / sum(planned_min) of each week's measured elective lists of operating
        theatres; the dashed line is the target of 85 %.""",
        query(f'''SELECT sum("counted_min") / sum("planned_min") AS "capped" FROM "touchtime_list"
                  WHERE {MEASURED} AND {ELECTIVE} {WEEKS}''', alias="capped"),
        SHARE, thresholds=at_least(UTILISATION_TARGET), target=True), 12, 8)
    board.add(histogram(
        "Late starts", "How many measured elective lists started how late: planned start to first touch, where it is known.",
        f'SELECT "late_start_min" FROM "touchtime_list" WHERE {MEASURED} AND {ELECTIVE} AND "late_start_known" = 1',
        MINUTES, 5), 6, 8)
    board.add(histogram(
        "Overruns", "How many measured elective lists ran over by how much: planned end to last end, where it is known.",
        f'SELECT "overrun_min" FROM "touchtime_list" WHERE {MEASURED} AND {ELECTIVE} AND "overrun_known" = 1',
        MINUTES, 15), 6, 8)
    return board


SIGNALS = value_map(c1=("improvement", SKY), m1=("concern", ORANGE), c2=("change", INK), c0=("none", GREY))
GROUPINGS = {"trust": "Trusts", "site": "Sites", "room": "Rooms", "specialty": "Specialties"}


def variation():
    """Who does it how differently, and who stands where."""
    board = Dashboard(
        "touchtime-variation", "Touchtime: provider variation",
        "Capped utilisation of trusts, sites, rooms and specialties against the quartiles of their peers.",
        variables=[*VARIABLES, choice("list_kind", "Lists", KINDS, "elective"),
                   choice("grouping", "Compare", GROUPINGS, "room")],
        times=("now-1y", "now"),
    )
    chosen = f"""WHERE "present" = 1 AND "grouping" = '$grouping' AND "measure" = 'capped_utilisation' AND {BY_MONTH}
                 AND {PLACE} AND $timeFilter"""
    units = f'{BY_ROOM}, "specialty"'
    board.add(rows(
        "Latest month", """Capped utilisation of each unit's latest month that is over, with its quartile among its peers of
        that month (4 is the best; 0: fewer than 4 peers). Quartiles are of type 7, as in `touchtime report`.""",
        f'''SELECT last("value") AS "value", "quartile", "peers", "peers_lower_quartile", "peers_median",
            "peers_upper_quartile", "assurance", "lists" FROM "touchtime_trend" {chosen} GROUP BY {units}''',
        {"Time": ("Month from", "dateTimeAsIso"), **OF_ROOM,
         "specialty": ("Specialty", TEXT),
         "value": ("Capped utilisation", SHARE, {"decimals": 1} | marked(at_least(UTILISATION_TARGET))),
         "quartile": ("Quartile", COUNT, {"mappings": QUARTILES}), "peers": ("Peers", COUNT),
         "peers_lower_quartile": ("Lower quartile", SHARE, {"decimals": 1}),
         "peers_median": ("Median", SHARE, {"decimals": 1}),
         "peers_upper_quartile": ("Upper quartile", SHARE, {"decimals": 1}),
         "assurance": ("Target", COUNT, {"mappings": ASSURANCE}), "lists": ("Lists", COUNT)},
        sort="-Capped utilisation"), 24, 11)
    board.add(lines(
        "Peers by month", "Lower quartile, median and upper quartile of capped utilisation among the units compared, "
        "where there are at least 4.",
        query(f'''SELECT last("peers_lower_quartile") AS "lower quartile", last("peers_median") AS "median",
                  last("peers_upper_quartile") AS "upper quartile" FROM "touchtime_trend" {chosen} AND "peers" >= 4
                  GROUP BY time(1d) fill(none)''', alias="$col"),
        SHARE, thresholds=at_least(UTILISATION_TARGET), target=True), 12, 9)
    board.add(lines(
        "Units by month", "Capped utilisation of each unit in each month that is over.",
        query(f'SELECT "value" FROM "touchtime_trend" {chosen} GROUP BY {units}',
              alias=f"{ROOM_NAMED} $tag_specialty"), SHARE,
        thresholds=at_least(UTILISATION_TARGET), target=True), 12, 9)
    board.section("Over the whole time: quotients of sums")
    for tags in (("trust",), ("trust", "site"), ("trust", "site", "room"), ("trust", "specialty")):
        word, tag, by = GROUPINGS[tags[-1]], tags[-1], ", ".join(f'"{tag}"' for tag in tags)
        board.add(bars(
            word, f"""sum(counted_min) / sum(planned_min) of measured lists of operating theatres by {tag} over the chosen
            time; the target of 85 % is for elective lists.""",
            query(f'''SELECT sum("counted_min") / sum("planned_min") AS "capped" FROM "touchtime_list" WHERE {MEASURED}
                      AND {THEATRES} GROUP BY {by}''',
                  alias=" ".join(f"$tag_{tag}" for tag in tags)),
            SHARE, thresholds=at_least(UTILISATION_TARGET), low=0, high=1, decimals=2), 6, 10)
    return board


QUARTILES = value_map(c0=("fewer than 4 peers", GREY), c1=("1 (lowest)", ORANGE), c2=("2", INK), c3=("3", INK),
                      c4=("4 (best)", BLUE))
ASSURANCE = value_map(c0=("none", GREY), c1=("will pass", BLUE), m1=("will fail", ORANGE), c2=("hit or miss", INK))

# Two trusts may have a list of one id.
ONE = f"\"sessions\" = 1 AND {matches('trust')} AND \"session_id\" = '$session'"


def audit():
    """One list down to its minutes."""
    board = Dashboard(
        "touchtime-audit", "Touchtime: one list",
        "The arithmetic of one list. Each case's stamps with their sources are on the collector's audit page.",
        variables=[tag_variable("trust", "Trust", "touchtime_list", multi=False), *VARIABLES[1:],
                   query_variable("session", "List", f'SELECT DISTINCT("session_id") FROM "touchtime_list" WHERE {LISTS}')],
        times=("now-7d", "now+1d"),
    )

    def one(title, about, field, unit, width, **more):
        board.add(stat(title, f"{about} ({field}).", query(
            f'SELECT {field} AS "{title}" FROM "touchtime_list" WHERE {ONE} AND $timeFilter'), unit, **more), width, 4)

    one("Utilisation", "Capped minutes as the rule set counts them over planned ones; 85 % is the target of elective lists",
        'sum("counted_min") / sum("planned_min")', SHARE, 5, thresholds=at_least(UTILISATION_TARGET), decimals=2)
    one("Planned", "The frozen plan", 'sum("planned_min")', MINUTES, 4)
    one("Counted", "Capped minutes as the rule set counts them", 'sum("counted_min")', MINUTES, 4)
    one("Touch", "Touch, wherever it lies", 'sum("touch_min")', MINUTES, 4)
    one("Cases completed", "Completed cases", 'sum("cases_completed")', COUNT, 3)
    one("Quality flags", "How many quality flags it has", 'sum("flags")', COUNT, 4, thresholds=none_is_good())
    parts = ("capped_min", "unknown_min", "late_start_min", "gaps_min", "early_finish_min")
    board.add(bars(
        "What became of the planned minutes", """capped + unknown + late start + gaps + early finish = planned, for a list whose
        early finish is known.""",
        query(f'''SELECT {", ".join(f'sum("{part}") AS "{part.removesuffix("_min").replace("_", " ")}"' for part in parts)}
                  FROM "touchtime_list" WHERE {ONE} AND $timeFilter''', alias="$col"), MINUTES, low=0), 12, 7)
    others = ("overrun_min", "early_start_min", "late_due_to_previous_min", "overlap_min", "turnover_min")
    board.add(bars(
        "Beside the plan", """Overrun and early start lie outside the plan; late start due to the previous list, overlap and
        turnover are parts of other figures and add to nothing here.""",
        query(f'''SELECT {", ".join(f'sum("{part}") AS "{part.removesuffix("_min").replace("_", " ")}"' for part in others)}
                  FROM "touchtime_list" WHERE {ONE} AND $timeFilter''', alias="$col"), MINUTES, low=0), 12, 7)
    board.add(rows(
        "The three variants", """The same list under each variant: window = capped_min / planned_min, sum = capped_sum_min /
        planned_min (may exceed 100 %), duration = capped_duration_min / planned_min; and the rule set of the headline.""",
        f'''SELECT "session_id", "state", "capped_min" / "planned_min" AS "window", "capped_sum_min" / "planned_min" AS "sum",
            "capped_duration_min" / "planned_min" AS "duration", "quality" FROM "touchtime_list"
            WHERE {ONE} AND "planned_min" > 0 AND $timeFilter GROUP BY {BY_ROOM}, "rule_set", "specialty"''',
        ONE_LIST | OF_ROOM | {"Time": ("Planned start", "dateTimeAsIso"), "rule_set": ("Rule set", TEXT), "specialty": ("Specialty", TEXT),
                    "state": ("State", TEXT), "window": ("Window", SHARE, {"decimals": 2}),
                    "sum": ("Sum", SHARE, {"decimals": 2}), "duration": ("Duration", SHARE, {"decimals": 2}),
                    "quality": ("Quality flags", TEXT)}), 24, 5)
    board.add(timeline(
        "The room", "What the room did: set the time range to the list's day. The state holds until the next one.",
        query(f'''SELECT "state_code" FROM "touchtime_room_state" WHERE {PLACE} AND $timeFilter GROUP BY {BY_ROOM}''',
              alias=ROOM_NAMED), STATES), 24, 7)
    board.add(note(
        "Down to each case", "Where to find the stamps behind the figures.",
        "[The collector's audit page of `$session`](${collector}/lists/$session) shows each case's stamps with source and "
        "corrections and the arithmetic down to each minute; `touchtime explain --list $session` prints the same."), 24, 4)
    return board


DASHBOARDS = [live(), trends(), variation(), audit()]

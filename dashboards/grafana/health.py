"""What the figures rest on: data quality, and how the system is."""

from blocks import (
    BLUE, BY_ROOM, COUNT, GREY, INK, MINUTES, OF_ROOM, ORANGE, RED, ROOM_NAMED, SECONDS, SHARE, TEXT, TO_AUDIT, Dashboard, at_least,
    bars, lines, marked,
    matches, none_is_good, query, rows, stat, steps, tag_variable, timeline, value_map,
)
from theatres import LISTS, MEASURED, VARIABLES

SCANS = f'"sessions" = 1 AND {matches("trust", "site")} AND $timeFilter'


def quality():
    """What is missing, and what it does to the numbers."""
    board = Dashboard(
        "touchtime-data-quality", "Touchtime: data quality",
        "What is missing, excluded or unknown, and what that does to the figures.",
        variables=VARIABLES, times=("now-90d", "now"),
    )
    board.add(stat(
        "Complete lists", "Measured lists without an open, rejected or end-only case: sum(complete) / sum(measured).",
        query(f'SELECT sum("complete") / sum("measured") AS "complete" FROM "touchtime_list" WHERE {MEASURED}'),
        SHARE, thresholds=at_least(0.95), decimals=1), 4, 5)
    board.add(stat(
        "Unknown time", "Time inside plans that is taken and not known to be touch: sum(unknown_min) / sum(planned_min).",
        query(f'SELECT sum("unknown_min") / sum("planned_min") AS "unknown" FROM "touchtime_list" WHERE {MEASURED}'),
        SHARE, thresholds=steps((None, BLUE), (0.02, ORANGE)), decimals=2), 4, 5)
    board.add(stat(
        "Utilisation: confirmed and at most", """Of all measured lists: confirmed = sum(counted_min) / sum(planned_min); at most =
        sum(capped_best_min) / sum(planned_min), if all unknown time were touch.""",
        query(f'''SELECT sum("counted_min") / sum("planned_min") AS "confirmed", sum("capped_best_min") / sum("planned_min")
                  AS "at most" FROM "touchtime_list" WHERE {MEASURED}''', alias="$col"), SHARE, decimals=2), 6, 5)
    board.add(stat(
        "Left out of utilisation", """Lists that are in no rate: unused ones (closed without a started case) and those withdrawn
        too late to give the time to others: sum(unused), sum(cancelled).""",
        query(f'SELECT sum("unused") AS "unused", sum("cancelled") AS "withdrawn late" FROM "touchtime_list" WHERE {LISTS}',
              alias="$col"), COUNT), 5, 5)
    board.add(stat(
        "Early finish not known", "Measured lists whose last end is not known for certain: sum(measured) - sum(early_finish_known).",
        query(f'''SELECT sum("measured") - sum("early_finish_known") AS "not known" FROM "touchtime_list" WHERE {MEASURED}'''),
        COUNT, thresholds=none_is_good()), 5, 5)
    board.add(rows(
        "Lists with flags", "Every list with a quality flag; the words are explained in docs/measures.md.",
        f'''SELECT "session_id", "flags", "quality", "unknown_min", "state" FROM "touchtime_list" WHERE {LISTS} AND "flags" > 0
            GROUP BY {BY_ROOM}, "specialty"''',
        {"session_id": ("List", TEXT, {"links": TO_AUDIT}), **OF_ROOM,
         "specialty": ("Specialty", TEXT), "flags": ("Flags", COUNT), "quality": ("Which", TEXT),
         "unknown_min": ("Unknown", MINUTES), "state": ("State", TEXT), "Time": ("Planned start", "dateTimeAsIso")},
        sort="-Flags", no_value="none"), 14, 10)
    board.add(bars(
        "Unknown time by room", "sum(unknown_min) / sum(planned_min) of each room's measured lists.",
        query(f'''SELECT sum("unknown_min") / sum("planned_min") AS "unknown" FROM "touchtime_list" WHERE {MEASURED}
                  GROUP BY {BY_ROOM}''', alias=ROOM_NAMED),
        SHARE, thresholds=steps((None, BLUE), (0.02, ORANGE)), low=0, decimals=2), 10, 10)
    board.section("Scanners")
    board.add(stat(
        "Sessions not watched enough", "Sessions without a rate: sum(sessions) - sum(enough_observed).",
        query(f'SELECT sum("sessions") - sum("enough_observed") AS "not enough" FROM "touchtime_scan_session" WHERE {SCANS}'),
        COUNT, thresholds=none_is_good()), 5, 7)
    board.add(stat(
        "Inferred exams", "Exams whose end is inferred from the last image: sum(exams_inferred) / sum(exams).",
        query(f'''SELECT sum("exams_inferred") / sum("exams") AS "inferred" FROM "touchtime_scan_session" WHERE {SCANS}
                  AND "exams" > 0'''), SHARE, decimals=1), 5, 7)
    board.add(bars(
        "Watched by scanner", "Of the operational time, what was observed: sum(observed_min) / sum(elapsed_min).",
        query(f'''SELECT sum("observed_min") / sum("elapsed_min") AS "watched" FROM "touchtime_scan_session" WHERE {SCANS}
                  AND "elapsed_min" > 0 GROUP BY {BY_ROOM}''', alias=ROOM_NAMED),
        SHARE, thresholds=at_least(0.9), low=0, high=1, decimals=1), 14, 7)
    board.section("Held back")
    board.add(lines(
        "In the store and in no figure", """Messages and events in quarantine, events under a number that was taken, events that
        their agent declared lost: last(quarantined), last(conflicts), last(gone).""",
        query(f'''SELECT last("quarantined") AS "quarantined", last("conflicts") AS "conflicts", last("gone") AS "gone"
                  FROM "touchtime_store" WHERE {matches("trust")} AND $timeFilter
                  GROUP BY time($__interval), "trust", "collector" fill(none)''', alias="$tag_trust $tag_collector $col"),
        COUNT), 24, 8)
    return board


AGENTS = f'{matches("trust", "site", "agent")} AND $timeFilter'
CLOCKS = value_map(c0=("synchronised", BLUE), c1=("holdover", ORANGE), c2=("unset", RED))
ONLINE = value_map(c0=("away", ORANGE), c1=("online", BLUE))


def each_agent(field, name, function="max"):
    """A field of each agent over time."""
    return query(f'''SELECT {function}("{field}") AS "{name}" FROM "touchtime_agent" WHERE {AGENTS}
                     GROUP BY time($__interval), "trust", "site", "agent" fill(none)''', alias="$tag_trust $tag_site $tag_agent")


def system():
    """Whether everything runs."""
    board = Dashboard(
        "touchtime-health", "Touchtime: system health",
        "How agents and collectors are: who is away, what waits, whose clock cannot be believed.",
        variables=[
            tag_variable("trust", "Trust", "touchtime_agent"),
            tag_variable("site", "Site", "touchtime_agent", within=("trust",)),
            tag_variable("agent", "Agent", "touchtime_agent", within=("trust", "site")),
            tag_variable("room", "Room", "touchtime_list", within=("trust", "site")),
            tag_variable("specialty", "Specialty", "touchtime_list", within=("trust", "site", "room")),
        ],
        times=("now-6h", "now"), refresh="1m",
    )

    def total(title, about, field, name, unit, thresholds, width):
        board.add(stat(title, about, query(
            f'''SELECT sum("{field}") AS "{name}" FROM (SELECT last("{field}") AS "{field}" FROM "touchtime_agent"
                WHERE {AGENTS} GROUP BY "trust", "site", "agent")'''), unit, thresholds=thresholds), width, 5)

    total("Agents online", "Agents that the broker held for connected at their last word: sum of last(online).", "online",
          "online", COUNT, steps((None, BLUE)), 4)
    total("Events that wait", "In the outboxes of all agents, not yet acknowledged: sum of last(waiting).", "waiting", "wait",
          COUNT, steps((None, BLUE), (1000, ORANGE)), 4)
    total("Observations lost", "Since the agents' outboxes were made: sum of last(lost).", "lost", "lost", COUNT,
          none_is_good(RED), 4)
    total("Publishes refused", "By the broker: sum of last(refused).", "refused", "refused", COUNT, none_is_good(RED), 4)
    board.add(stat(
        "Quarantined", "Messages and events in quarantine, of each collector: last(quarantined).",
        query(f'''SELECT last("quarantined") AS "quarantined" FROM "touchtime_store" WHERE {matches("trust")} AND $timeFilter
                  GROUP BY "trust", "collector"''', alias="$tag_trust $tag_collector"), COUNT, thresholds=none_is_good()), 4, 5)
    board.add(stat(
        "Collectors at the broker", "1 while the collector is connected to its broker, at its last word: last(connected).",
        query(f'''SELECT last("connected") AS "connected" FROM "touchtime_store" WHERE {matches("trust")} AND $timeFilter
                  GROUP BY "trust", "collector"''', alias="$tag_trust $tag_collector"), "bool_yes_no",
        thresholds=steps((None, RED), (1, BLUE))), 4, 5)
    board.add(timeline(
        "Agents", "Whether the broker held each agent for connected, once a minute: online.",
        each_agent("online", "online", "min"), ONLINE), 12, 8)
    board.add(timeline(
        "Clocks", "How far each agent's clock can be believed: clock_code. Holdover runs free since it lost its source.",
        each_agent("clock_code", "clock"), CLOCKS), 12, 8)
    board.add(lines(
        "Events that wait", "In each agent's outbox, not yet acknowledged: max(waiting).", each_agent("waiting", "wait"),
        COUNT), 12, 8)
    board.add(lines(
        "Age of the oldest event that waits", "Of each agent: max(oldest_age_s).", each_agent("oldest_age_s", "oldest"),
        SECONDS), 12, 8)
    board.add(rows(
        "Each agent's last word", "What each agent last said of itself, and when; one that is away said it before it went.",
        f'''SELECT last("online") AS "online", "waiting", "oldest_age_s", "lost", "refused", "clock_code", "version"
            FROM "touchtime_agent" WHERE {AGENTS} GROUP BY "trust", "site", "agent"''',
        {"Time": ("Last word", "dateTimeFromNow"), "trust": ("Trust", TEXT), "site": ("Site", TEXT), "agent": ("Agent", TEXT),
         "online": ("Online", "bool_yes_no"), "waiting": ("Waiting", COUNT), "oldest_age_s": ("Oldest", SECONDS),
         "lost": ("Lost", COUNT, marked(none_is_good(RED))), "refused": ("Refused", COUNT, marked(none_is_good(RED))),
         "clock_code": ("Clock", COUNT, {"mappings": CLOCKS}), "version": ("Version", TEXT)}, sort="Last word"), 24, 9)
    return board


DASHBOARDS = [quality(), system()]

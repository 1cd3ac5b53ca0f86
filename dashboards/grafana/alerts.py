"""Alert rules, in Grafana's provisioning format.

A rule cannot have a variable for its data source: all name that of provisioning/datasources. Each condition is in the
query's words: it gives a value for each thing that is wrong and none otherwise, so that no data means nothing is wrong.
That no data come at all is a rule of its own. The points of a list that runs stand still when the collector does: rules on
them (`live`) hold only while a collector writes.
"""

import json

DATASOURCE_UID = "touchtime-influxdb"
MINUTE, HOUR = 60, 3600
DAY = 24 * HOUR
ALIVE_WITHIN = 10 * MINUTE


RULES = [
    {
        "uid": "touchtime-late-start", "title": "A list starts late", "severity": "info", "runbook": "list-starting-late",
        "dashboard": "touchtime-theatres", "back": DAY, "above": 10, "for": "2m", "reduce": "max", "live": True,
        "query": '''SELECT max("late") AS "late" FROM (SELECT "planned_min" - "remaining_min" AS "late" FROM "touchtime_list"
                    WHERE "sessions" = 1 AND "running" = 1 AND "cases_started" = 0 AND $timeFilter
                    GROUP BY "trust", "site", "room") GROUP BY "trust", "site", "room"''',
        "summary": "{{ $labels.room }} ({{ $labels.site }}) has not begun.",
        "description": "Its list is {{ printf \"%.0f\" $values.B.Value }} minutes past the planned start without a case.",
    },
    {
        "uid": "touchtime-overrun", "title": "A list is expected to run over", "severity": "info", "runbook": "list-overrunning",
        "dashboard": "touchtime-theatres", "back": DAY, "above": 0, "for": "10m", "reduce": "max", "live": True,
        "query": '''SELECT max("over") AS "over" FROM (SELECT ("cases_booked" - "cases_cancelled_on_day" - "cases_started") *
                    "touch_min" / "cases_started" - "remaining_min" AS "over" FROM "touchtime_list" WHERE "sessions" = 1
                    AND "running" = 1 AND "cases_started" > 0 AND $timeFilter GROUP BY "trust", "site", "room")
                    WHERE "over" > 0 GROUP BY "trust", "site", "room"''',
        "summary": "{{ $labels.room }} ({{ $labels.site }}) will run over.",
        "description": "If each case still to start takes as long as those so far, by {{ printf \"%.0f\" $values.B.Value }} minutes "
                       "or more.",
    },
    {
        "uid": "touchtime-scanner-short", "title": "A scanner is idle or slow in its session", "severity": "info",
        "runbook": "scanner-idle", "dashboard": "touchtime-scanners", "back": 12 * HOUR, "above": 1, "for": "15m",
        "reduce": "max", "live": True,
        "query": '''SELECT max("short_of_target") AS "short" FROM "touchtime_scan_session" WHERE "sessions" = 1 AND "running" = 1
                    AND "has_target" = 1 AND $timeFilter GROUP BY "trust", "site", "room"''',
        "summary": "{{ $labels.room }} ({{ $labels.site }}) is behind its target in a booked session.",
        "description": "{{ printf \"%.0f\" $values.B.Value }} exams fewer than the target asks for so far.",
    },
    {
        "uid": "touchtime-agent-silent", "title": "An agent is silent", "severity": "warning", "runbook": "agent-silent",
        "dashboard": "touchtime-health", "back": 15 * MINUTE, "below": 1, "for": "5m", "reduce": "last",
        "query": '''SELECT last("online") AS "online" FROM "touchtime_agent" WHERE $timeFilter GROUP BY "trust", "site", "agent"''',
        "summary": "The agent {{ $labels.agent }} ({{ $labels.site }}) is not connected.",
        "description": "Its rooms are unknown until it is back; it keeps its events and sends them then.",
    },
    {
        "uid": "touchtime-backlog", "title": "Events wait in an agent", "severity": "warning", "runbook": "backlog-growing",
        "dashboard": "touchtime-health", "back": 15 * MINUTE, "above": 600, "for": "10m", "reduce": "last",
        "query": '''SELECT last("oldest_age_s") AS "oldest" FROM "touchtime_agent" WHERE "waiting" > 0 AND $timeFilter
                    GROUP BY "trust", "site", "agent"''',
        "summary": "Events have waited in {{ $labels.agent }} ({{ $labels.site }}) for more than 10 minutes.",
        "description": "The oldest is {{ printf \"%.0f\" $values.B.Value }} seconds old. Nothing is lost; the figures lag behind.",
    },
    {
        "uid": "touchtime-clock", "title": "An agent's clock cannot be believed", "severity": "critical", "runbook": "clock-wrong",
        "dashboard": "touchtime-health", "back": 15 * MINUTE, "above": 0, "for": "5m", "reduce": "last",
        "query": '''SELECT last("clock_code") AS "clock" FROM "touchtime_agent" WHERE $timeFilter
                    GROUP BY "trust", "site", "agent"''',
        "summary": "The clock of {{ $labels.agent }} ({{ $labels.site }}) is not synchronised.",
        "description": "1 is holdover, 2 is unset: it is {{ printf \"%.0f\" $values.B.Value }}. Times of an unset clock are in no "
                       "figure.",
    },
    {
        "uid": "touchtime-lost", "title": "Observations are lost", "severity": "critical", "runbook": "events-lost",
        "dashboard": "touchtime-health", "back": HOUR, "above": 0, "for": "0s", "reduce": "last",
        "query": '''SELECT spread("lost") AS "lost" FROM "touchtime_agent" WHERE $timeFilter GROUP BY "trust", "site", "agent"''',
        "summary": "{{ $labels.agent }} ({{ $labels.site }}) has lost observations.",
        "description": "{{ printf \"%.0f\" $values.B.Value }} within an hour. They are counted and cannot come back.",
    },
    {
        "uid": "touchtime-quarantine", "title": "Messages are not understood", "severity": "warning",
        "runbook": "quarantine-grows", "dashboard": "touchtime-health", "back": HOUR, "above": 0, "for": "5m",
        "reduce": "last",
        "query": '''SELECT last("quarantined") - first("quarantined") AS "more" FROM "touchtime_store" WHERE $timeFilter
                    GROUP BY "trust", "collector"''',
        "summary": "Messages come to {{ $labels.collector }} that it does not understand.",
        "description": "{{ printf \"%.0f\" $values.B.Value }} more within an hour. They are kept and in no figure.",
    },
    {
        "uid": "touchtime-broker", "title": "A collector has no connection to its broker", "severity": "critical",
        "runbook": "broker-disconnected", "dashboard": "touchtime-health", "back": 15 * MINUTE, "below": 1,
        "for": "2m", "reduce": "last",
        "query": '''SELECT last("connected") AS "connected" FROM "touchtime_store" WHERE $timeFilter
                    GROUP BY "trust", "collector"''',
        "summary": "The collector {{ $labels.collector }} has no connection to the broker.",
        "description": "Nothing arrives; agents keep their events. The board says why.",
    },
    {
        # Every collector that wrote within the week; of one that stopped the last stretches have 0 points.
        "uid": "touchtime-no-figures", "title": "No figures arrive", "severity": "critical", "runbook": "no-figures",
        "dashboard": "touchtime-health", "back": 7 * DAY, "below": 1, "for": "5m", "reduce": "last", "no_data": "Alerting",
        "query": '''SELECT count("connected") AS "points" FROM "touchtime_store" WHERE $timeFilter
                    GROUP BY time(10m), "trust", "collector" fill(0)''',
        "summary": "No figures arrive from {{ with $labels.collector }}{{ . }}{{ else }}any collector{{ end }}.",
        "description": "It writes once a minute and has not for 10 minutes: whatever is shown of its rooms stands still.",
    },
]


def scalar(value):
    """A JSON text is a YAML text too."""
    return json.dumps(value)


def asked(ref, text):
    """A query of the data source."""
    return {"refId": ref, "query": " ".join(text.split()), "rawQuery": True, "resultFormat": "time_series",
            "intervalMs": 60000, "maxDataPoints": 43200}


def reduced(ref, of, reducer):
    """A number of each series."""
    return {"refId": ref, "type": "reduce", "expression": of, "reducer": reducer, "settings": {"mode": "dropNN"}}


def rule(r):
    """One rule: the query (A), reduced to a number (B), held against its bound (C); on what is live only while points of
    some collector come (D, E)."""
    kind, bound = ("gt", r["above"]) if "above" in r else ("lt", r["below"])
    data = [(r["back"], asked("A", r["query"])), (0, reduced("B", "A", r["reduce"]))]
    if r.get("live"):
        data += [(ALIVE_WITHIN, asked("D", 'SELECT count("connected") AS "points" FROM "touchtime_store" WHERE $timeFilter')),
                 (0, reduced("E", "D", "last")),
                 (0, {"refId": "C", "type": "math", "expression": f"$B > {bound} && $E > 0"})]
    else:
        data.append((0, {"refId": "C", "type": "threshold", "expression": "B",
                         "conditions": [{"evaluator": {"type": kind, "params": [bound]}}]}))
    out = [
        f"      - uid: {r['uid']}",
        f"        title: {scalar(r['title'])}",
        "        condition: C",
        f"        for: {r['for']}",
        f"        noDataState: {r.get('no_data', 'OK')}",
        "        execErrState: Error",
        "        data:",
    ]
    for back, made in data:
        out += [
            f"          - refId: {made['refId']}",
            f"            datasourceUid: {DATASOURCE_UID if back else '__expr__'}",
            "            relativeTimeRange:",
            f"              from: {back}",
            "              to: 0",
            "            model:",
            *(f"              {key}: {scalar(value)}" for key, value in made.items()),
        ]
    out += [
        "        labels:",
        f"          severity: {r['severity']}",
        "        annotations:",
        f"          summary: {scalar(r['summary'])}",
        f"          description: {scalar(r['description'])}",
        f"          runbook_url: docs/runbooks/{r['runbook']}.md",
        f"          dashboard: /d/{r['dashboard']}",
    ]
    return out


def text():
    """The file."""
    out = [
        "# Alert rules for Grafana, from dashboards/grafana/alerts.py. Severities are those of the Prometheus rules.",
        "apiVersion: 1",
        "groups:",
        "  - orgId: 1",
        "    name: touchtime",
        "    folder: Touchtime",
        "    interval: 1m",
        "    rules:",
    ]
    for r in RULES:
        out += rule(r)
    return "\n".join(out) + "\n"

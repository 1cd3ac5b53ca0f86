"""What dashboards are made of: panels, queries, variables, links; laid out from left to right."""

SCHEMA_VERSION = 42
DATASOURCE = {"type": "influxdb", "uid": "${datasource}"}

# Told apart by people who see no red or no green; each comes with a text, a number or a place besides.
BLUE, SKY, PINK, ORANGE, RED, GREY, INK = "#005eb8", "#41b6e6", "#ae2573", "#ed8b00", "#d5281b", "#d8dde0", "#425563"

SHARE, MINUTES, SECONDS, COUNT, PER_HOUR = "percentunit", "m", "s", "short", "exams/h"
TEXT = "string"

# The targets that are built in (docs/measures.md).
UTILISATION_TARGET = 0.85
DAY_CASE_TARGET = 0.85
SCANS_PER_HOUR = {"ct": 4, "mri": 2.5, "nous": 3}


# Names of sites and rooms are each trust's own: whatever is told apart by them is told apart by the trust.
BY_ROOM = '"trust", "site", "room"'
ROOM_NAMED = "$tag_trust $tag_site $tag_room"
OF_ROOM = {"trust": ("Trust", TEXT), "site": ("Site", TEXT), "room": ("Room", TEXT)}


def matches(*names):
    """Rows of what the variables of these names select; a tag that a row does not have is no reason to leave it out."""
    return " AND ".join(f'"{name}" =~ /^${name}$/' for name in names)


def query(text, fmt="time_series", alias=None):
    """An InfluxQL query. Its line breaks and indents are for the reader of the generator."""
    made = {"query": " ".join(text.split()), "rawQuery": True, "resultFormat": fmt, "datasource": DATASOURCE}
    if alias:
        made["alias"] = alias
    return made


def table(text):
    """A query whose rows become rows of a table."""
    return query(text, "table")


def steps(*pairs):
    """Thresholds: colours from these values on; the first value is None."""
    return {"mode": "absolute", "steps": [{"color": colour, "value": value} for value, colour in pairs]}


def at_least(target):
    """Blue from the target on, orange below it."""
    return steps((None, ORANGE), (target, BLUE))


def none_is_good(colour=ORANGE):
    """Blue at 0, else the colour."""
    return steps((None, BLUE), (1, colour))


def value_map(**words):
    """Words and colours for codes: `c0=("idle", GREY)`; m1 is -1."""
    options = {}
    for n, (code, (word, colour)) in enumerate(words.items()):
        options[code.replace("c", "", 1).replace("m", "-", 1)] = {"text": word, "color": colour, "index": n}
    return [{"type": "value", "options": options}]


def override(name, **properties):
    """Other properties for the field of that name; `__` stands for a dot."""
    listed = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": listed}


def dashboard_url(uid, *more):
    """Another dashboard with the same data source and times."""
    return "&".join([f"/d/{uid}?${{datasource:queryparam}}", "${__url_time_range}", *more])


def link(title, url):
    """A link of a panel or field."""
    return {"title": title, "url": url, "targetBlank": False}


TO_AUDIT = [
    link("Open this list", dashboard_url("touchtime-audit", "var-trust=${__data.fields.trust}", "var-session=${__value.raw}")),
    link("Open the collector's audit page", "${collector}/lists/${__value.raw}"),
]


def panel(kind, title, about, queries, unit, *, thresholds=None, options=None, custom=None, overrides=(), mappings=(),
          links=(), low=None, high=None, decimals=None, transformations=(), repeat=None, no_value="no data"):
    """A panel; `about` has what it shows and its formula."""
    defaults = {"unit": unit, "noValue": no_value, "mappings": list(mappings), "links": []}
    defaults["color"] = {"mode": "thresholds"} if thresholds else {"mode": "palette-classic-by-name"}
    defaults["thresholds"] = thresholds or steps((None, BLUE))
    for key, value in (("min", low), ("max", high), ("decimals", decimals), ("custom", custom)):
        if value is not None:
            defaults[key] = value
    made = {
        "type": kind,
        "title": title,
        "description": " ".join(about.split()),
        "datasource": DATASOURCE,
        "targets": [{"refId": chr(ord("A") + n), **target} for n, target in enumerate(queries)],
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options or {},
    }
    if links:
        as_of_dashboard = {"type": "link", "icon": "external link", "tags": [], "tooltip": "", "asDropdown": False,
                           "includeVars": False, "keepTime": False}
        made["links"] = [as_of_dashboard | it for it in links]
    if transformations:
        made["transformations"] = list(transformations)
    if repeat:
        made |= {"repeat": repeat, "repeatDirection": "h", "maxPerRow": 3}
    return made


def stat(title, about, queries, unit, **more):
    """A number, or one a group."""
    queries = [queries] if isinstance(queries, dict) else queries
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto", "textMode": "auto",
        "wideLayout": True,
    }
    return panel("stat", title, about, queries, unit, options=options, **more)


def bars(title, about, queries, unit, **more):
    """A bar for each group."""
    queries = [queries] if isinstance(queries, dict) else queries
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "horizontal", "displayMode": "basic", "valueMode": "color", "showUnfilled": True,
        "namePlacement": "left", "sizing": "auto", "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 300,
    }
    return panel("bargauge", title, about, queries, unit, options=options, **more)


def lines(title, about, queries, unit, *, style="line", stacked=False, target=False, **more):
    """Lines, points or bars over time."""
    queries = [queries] if isinstance(queries, dict) else queries
    custom = {
        "drawStyle": style, "lineWidth": 2, "fillOpacity": 80 if style == "bars" else 0, "showPoints": "always",
        "pointSize": 6, "spanNulls": False, "lineInterpolation": "linear", "axisSoftMin": 0,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if target else "off"},
    }
    options = {
        "legend": {"displayMode": "table" if stacked else "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    made = panel("timeseries", title, about, queries, unit, options=options, custom=custom, **more)
    made["fieldConfig"]["defaults"]["color"] = {"mode": "palette-classic-by-name"}
    return made


def timeline(title, about, queries, mappings, **more):
    """Coloured stretches, a line for each room."""
    queries = [queries] if isinstance(queries, dict) else queries
    options = {
        "showValue": "never", "mergeValues": True, "alignValue": "left", "rowHeight": 0.8,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return panel("state-timeline", title, about, queries, COUNT, options=options, mappings=mappings,
                 thresholds=steps((None, GREY)), custom={"fillOpacity": 90, "lineWidth": 1}, **more)


def histogram(title, about, text, unit, size, **more):
    """How many lists have how much."""
    options = {
        "bucketSize": size, "combine": True,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return panel("histogram", title, about, [query(text)], unit, options=options,
                 custom={"fillOpacity": 80, "lineWidth": 1}, **more)


def rows(title, about, text, columns, *, hide=(), sort=None, **more):
    """A table. `columns`: name of the column to (heading, unit, further properties)."""
    overrides = []
    for name, (heading, unit, *properties) in columns.items():
        overrides.append(override(name, displayName=heading, unit=unit, **(properties[0] if properties else {})))
    hidden = {name: True for name in hide}
    options = {
        "showHeader": True, "cellHeight": "sm",
        "sortBy": [{"displayName": sort.lstrip("-"), "desc": sort.startswith("-")}] if sort else [],
    }
    organize = {"id": "organize", "options": {"excludeByName": hidden, "indexByName": {}, "renameByName": {}}}
    return panel("table", title, about, [table(text)], COUNT, options=options, overrides=overrides,
                 custom={"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False},
                 transformations=[{"id": "merge", "options": {}}, organize], **more)


def note(title, about, markdown):
    """A text."""
    made = panel("text", title, about, [], COUNT, options={"mode": "markdown", "content": markdown})
    del made["targets"]
    return made


def marked(thresholds):
    """A table's cell whose text takes the threshold's colour."""
    return {"thresholds": thresholds, "custom__cellOptions": {"type": "color-text"}}


def tag_variable(name, label, measurement, *, within=(), multi=True):
    """Chosen from the tag's values among what the variables before it select."""
    where = f" WHERE {matches(*within)}" if within else ""
    text = f'SHOW TAG VALUES FROM "{measurement}" WITH KEY = "{name}"{where}'
    made = query_variable(name, label, text)
    if multi:
        made |= {"multi": True, "includeAll": True, "allValue": ".*",
                 "current": {"text": ["All"], "value": ["$__all"], "selected": True}}
    return made


def query_variable(name, label, text):
    """Chosen from a query's values, which follow the time range."""
    return {
        "type": "query", "name": name, "label": label, "datasource": DATASOURCE, "query": " ".join(text.split()),
        "refresh": 2, "sort": 1, "regex": "", "multi": False, "includeAll": False,
        "options": [], "hide": 0, "skipUrlSync": False,
    }


def choice(name, label, values, default):
    """Chosen from fixed words."""
    options = [{"text": text, "value": value, "selected": value == default} for value, text in values.items()]
    return {
        "type": "custom", "name": name, "label": label, "query": ", ".join(f"{text} : {value}" for value, text in values.items()),
        "options": options, "current": {"text": values[default], "value": default, "selected": True}, "multi": False,
        "includeAll": False, "hide": 0, "skipUrlSync": False,
    }


DATASOURCE_VARIABLE = {
    "type": "datasource", "name": "datasource", "label": "Data source", "query": "influxdb", "regex": "", "refresh": 1,
    "options": [], "multi": False, "includeAll": False, "hide": 0, "skipUrlSync": False,
}

COLLECTOR_VARIABLE = {
    "type": "textbox", "name": "collector", "label": "Collector's pages", "query": "http://127.0.0.1:8080",
    "current": {"text": "http://127.0.0.1:8080", "value": "http://127.0.0.1:8080", "selected": True},
    "options": [], "hide": 0, "skipUrlSync": False,
}

def planned_starts(text, label):
    """An annotation at each planned start; the label is a field of the query."""
    return {
        "name": "Planned starts", "datasource": DATASOURCE, "enable": True, "hide": False, "iconColor": INK,
        "target": {"refId": "Anno", "query": " ".join(text.split()), "rawQuery": True, "textColumn": label, "tagsColumn": "",
                   "titleColumn": "", "timeEndColumn": "", "fromAnnotations": True},
    }


class Dashboard:
    """Panels from left to right, line by line."""

    def __init__(self, uid, title, about, *, variables, times, refresh="", annotations=()):
        self.uid, self.title, self.about = uid, title, " ".join(about.split())
        self.variables, self.times, self.refresh, self.annotations = variables, times, refresh, list(annotations)
        self.panels, self.x, self.y, self.height = [], 0, 0, 0

    def add(self, made, width, height):
        """Puts a panel beside the last one, or below if it does not fit."""
        if self.x + width > 24:
            self.next_line()
        made["id"] = len(self.panels) + 1
        made["gridPos"] = {"x": self.x, "y": self.y, "w": width, "h": height}
        self.panels.append(made)
        self.x, self.height = self.x + width, max(self.height, height)

    def section(self, title):
        """A heading across the page."""
        self.next_line()
        self.add({"type": "row", "title": title, "collapsed": False, "panels": []}, 24, 1)
        self.next_line()

    def next_line(self):
        """Goes on below everything so far."""
        self.x, self.y, self.height = 0, self.y + self.height, 0

    def json(self):
        """Grafana's classic model of it."""
        return {
            "uid": self.uid, "title": self.title, "description": self.about, "tags": ["touchtime"],
            "schemaVersion": SCHEMA_VERSION, "version": 1, "editable": False, "graphTooltip": 1, "timezone": "browser",
            "weekStart": "monday", "fiscalYearStartMonth": 0, "refresh": self.refresh, "preload": False,
            "time": {"from": self.times[0], "to": self.times[1]},
            "timepicker": {"refresh_intervals": ["30s", "1m", "5m", "15m", "1h"]},
            "templating": {"list": [DATASOURCE_VARIABLE, *self.variables, COLLECTOR_VARIABLE]},
            "annotations": {"list": self.annotations},
            "links": [
                {"type": "dashboards", "title": "Touchtime", "tags": ["touchtime"], "asDropdown": True, "icon": "external link",
                 "includeVars": True, "keepTime": True, "targetBlank": False, "tooltip": "", "url": ""},
                {"type": "link", "title": "Board", "url": "${collector}", "icon": "external link", "tags": [],
                 "asDropdown": False, "includeVars": False, "keepTime": False, "targetBlank": True, "tooltip":
                 "The collector's own pages"},
            ],
            "panels": self.panels,
        }

#!/usr/bin/env python3
"""Writes Touchtime's Grafana dashboards and alert rules. `make.py --check` only says whether they are up to date."""

import json
import pathlib
import sys

import alerts
import health
import scanners
import theatres

HERE = pathlib.Path(__file__).parent
DASHBOARDS = [*theatres.DASHBOARDS, *scanners.DASHBOARDS, *health.DASHBOARDS]


def files():
    """Every file that is generated, with its text."""
    for dashboard in DASHBOARDS:
        name = dashboard.uid.removeprefix("touchtime-") + ".json"
        yield HERE / "dashboards" / name, json.dumps(dashboard.json(), indent=1) + "\n"
    yield HERE / "provisioning" / "alerting" / "touchtime.yaml", alerts.text()


def main():
    """Writes, or compares."""
    stale = []
    for path, text in files():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(HERE)))
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv:
        sys.exit(f"not up to date: {', '.join(stale)} (run dashboards/grafana/make.py)")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes a year's events of one trust as `touchtime import events` takes them, the same ones each time.

    python3 tests/benchmarks/make_year.py year.ndjson

Each site has an agent whose theatre system tells of all its theatres, in the order in which things happened; each agent's
feeds say every 5 minutes that they are alive. On each weekday each theatre has a list that was planned weeks before, four
or five cases booked the day before, a booking in twenty moved to another theatre, and five stamps for each case.
Six sites with 20 theatres each are a large trust: 1.5 million events.
"""
import argparse
import datetime
import hashlib
import json
import random

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
YEAR = datetime.date(2024, 1, 1)
STAMPS = ["into_theatre", "procedure_start", "procedure_end", "out_of_theatre", "into_recovery"]
SPECIALTIES = ["Trauma & Orthopaedics", "General Surgery", "Urology", "ENT", "Gynaecology", "Ophthalmology"]


def hexadecimal(*words) -> str:
    return hashlib.sha256(repr(words).encode()).hexdigest()[:32]


def of_site(chance: random.Random, site: str, days: range, theatres: int, feeds: int):
    """What happens in a site: when it is recorded, what it is about, and when it is said to be."""
    for feed in range(feeds):
        source = "theatre-system" if feed == 0 else f"scanner-{feed}"
        for n in range(len(days) * 24 * 12):
            at = days.start * DAY + n * 5 * MINUTE + feed * 7_000
            yield at, at, source, None, {"alive": {}}
    for day in days:
        if datetime.date.fromtimestamp(day * 86_400).weekday() >= 5:
            continue
        for theatre in range(1, theatres + 1):
            room = f"theatre-{theatre}"
            start = day * DAY + 8 * 60 * MINUTE
            session = {
                "session": f"{day}-{theatre}", "start": start, "end": start + 480 * MINUTE,
                "specialty": SPECIALTIES[(theatre + day) % len(SPECIALTIES)], "kind": "elective", "room_kind": "theatre",
            }
            # Before the year's first day nothing is recorded.
            planned = max(start - 42 * DAY, days.start * DAY)
            yield planned, planned, "theatre-system", room, {"plan_revision": session}
            time = start + chance.randint(-5, 25) * MINUTE
            for n in range(chance.choice([4, 4, 4, 5])):
                case = f"1.{hexadecimal(site, day, theatre, n)}"
                minutes = chance.randint(40, 110)
                booking = {
                    "case": case, "start": start + n * 90 * MINUTE, "minutes": minutes, "session": session["session"],
                    "specialty": session["specialty"], "procedure": f"Procedure {chance.randint(1, 300)}",
                }
                told = max(start - DAY + n * 1000, days.start * DAY)
                if chance.random() < 0.05 and theatres > 1:
                    before = {key: value for key, value in booking.items() if key != "session"}
                    yield told, told, "theatre-system", f"theatre-{theatre % theatres + 1}", {"booking": before}
                yield told + 600_000, told + 600_000, "theatre-system", room, {"booking": booking}
                for name, after in zip(STAMPS, [0, 12, minutes - 8, minutes, minutes + 4]):
                    at = time + after * MINUTE
                    yield at + chance.randint(0, 120) * 1000, at, "theatre-system", room, {"milestone": {"case": case, "name": name}}
                time += (minutes + chance.randint(8, 35)) * MINUTE


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("file")
    arguments.add_argument("--trust", default="trust-1")
    arguments.add_argument("--days", type=int, default=366)
    arguments.add_argument("--sites", type=int, default=6)
    arguments.add_argument("--theatres", type=int, default=20, help="of each site")
    arguments.add_argument("--feeds", type=int, default=1, help="of each site's agent")
    options = arguments.parse_args()
    first = (YEAR - datetime.date(1970, 1, 1)).days
    count = 0
    with open(options.file, "w", encoding="utf-8") as out:
        for number in range(1, options.sites + 1):
            site = f"site-{number}"
            chance = random.Random(f"{options.trust} {site}")
            events = sorted(
                of_site(chance, site, range(first, first + options.days), options.theatres, options.feeds),
                key=lambda event: event[0],
            )
            stream = hexadecimal(options.trust, site)
            for seq, (captured, at, source, room, obs) in enumerate(events, start=1):
                event = {"v": 1, "at": at, "captured": captured, "mono": 0, "clock": "external", "source": source, "order": seq}
                if room:
                    event["room"] = room
                event["obs"] = obs
                line = {
                    "trust": options.trust, "site": site, "agent": "theatres", "stream": stream, "seq": seq,
                    "received": captured + 2000, "event": event,
                }
                out.write(json.dumps(line, separators=(",", ":")) + "\n")
                count += 1
    print(f"{count} events")


if __name__ == "__main__":
    main()

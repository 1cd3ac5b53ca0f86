#!/usr/bin/env python3
"""Makes a year's events as `touchtime import events` takes them, the same ones each time.

    python3 tests/benchmarks/make_year.py year.ndjson                     a large trust
    python3 tests/benchmarks/make_year.py year.ndjson --collaborative     13 trusts, 150 theatres, 60 scanners

Each site has an agent whose theatre system tells of all its theatres, in the order in which things happened; each agent's
feeds say every 5 minutes that they are alive. On each weekday each theatre has a list that was planned weeks before, four
or five cases booked the day before, a booking in twenty moved to another theatre, and five stamps for each case.
Six sites with 20 theatres each are a large trust: 1.5 million events.

A provider collaborative has 13 trusts with a site each, which share 150 theatres and 60 scanners, half MRI and half CT. A
scanner works from 8 to 18 on each weekday, booked in slots of half an hour (MRI) or a quarter (CT); each exam is a performed step that
is begun and completed, one in forty is discontinued, one patient in twenty does not come. While it works it says every
5 minutes that it is heard.
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


PROTOCOLS = {"mri": ["MR head", "MR lumbar spine", "MR knee"], "ct": ["CT head", "CT chest", "CT abdomen and pelvis"]}


def of_scanners(chance: random.Random, site: str, days: range, scanners: list):
    """What happens on a site's scanners, as `of_site` tells it of its theatres."""
    for day in days:
        if datetime.date.fromtimestamp(day * 86_400).weekday() >= 5:
            continue
        start = day * DAY + 8 * 60 * MINUTE
        for scanner in scanners:
            kind = scanner.split("-")[0]
            slot = {"mri": 30, "ct": 15}[kind]
            session = {"session": f"{day}", "start": start, "end": start + 600 * MINUTE, "kind": "elective", "room_kind": kind}
            for minute in range(0, 601, 5):
                yield start + minute * MINUTE, start + minute * MINUTE, scanner, scanner, {"alive": {}}
            planned = max(start - 14 * DAY, days.start * DAY)
            yield planned, planned, "radiology-system", scanner, {"plan_revision": session}
            free = start
            for n in range(600 // slot):
                case, due = f"1.{hexadecimal(site, day, scanner, n)}", start + n * slot * MINUTE
                told = max(start - DAY + n * 1000, days.start * DAY)
                booking = {"case": case, "start": due, "minutes": slot, "session": session["session"]}
                yield told, told, "radiology-system", scanner, {"booking": booking}
                if chance.random() < 0.05:
                    continue
                begun = max(free, due + chance.randint(-5, 10) * MINUTE)
                ended = begun + int(slot * MINUTE * chance.uniform(0.5, 1.1)) // 1000 * 1000
                free = ended + chance.randint(1, 4) * MINUTE
                step = {
                    "step": f"1.{hexadecimal(site, day, scanner, n, 'step')}", "state": "in_progress", "start": begun,
                    "accessions": [case], "protocol": chance.choice(PROTOCOLS[kind]),
                }
                yield begun, begun, scanner, scanner, {"performed_step": step}
                final = {**step, "state": "completed", "end": ended}
                if chance.random() < 0.025:
                    final |= {"state": "discontinued", "reason": 110513}
                yield ended, ended, scanner, scanner, {"performed_step": final}


def shared(all_of_them: int, among: int, number: int) -> int:
    """How many of them the one of this number has, from 0."""
    return all_of_them // among + (number < all_of_them % among)


def trusts(options) -> list:
    """Trust, site, number of theatres and scanners, for each site."""
    if not options.collaborative:
        return [(options.trust, f"site-{n}", options.theatres, []) for n in range(1, options.sites + 1)]
    return [
        (f"trust-{n + 1}", "main", shared(150, 13, n), [f"{'mri' if s % 2 == 0 else 'ct'}-{s // 2 + 1}" for s in range(shared(60, 13, n))])
        for n in range(13)
    ]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("file")
    arguments.add_argument("--trust", default="trust-1")
    arguments.add_argument("--days", type=int, default=366)
    arguments.add_argument("--sites", type=int, default=6)
    arguments.add_argument("--theatres", type=int, default=20, help="of each site")
    arguments.add_argument("--feeds", type=int, default=1, help="of each site's agent")
    arguments.add_argument("--collaborative", action="store_true", help="13 trusts; leaves --trust, --sites and --theatres unused")
    options = arguments.parse_args()
    first = (YEAR - datetime.date(1970, 1, 1)).days
    count = 0
    with open(options.file, "w", encoding="utf-8") as out:
        for trust, site, theatres, scanners in trusts(options):
            chance = random.Random(f"{trust} {site}")
            days = range(first, first + options.days)
            told = [*of_site(chance, site, days, theatres, options.feeds)]
            told += of_scanners(chance, f"{trust} {site}", days, scanners)
            events = sorted(told, key=lambda event: event[0])
            stream = hexadecimal(trust, site)
            for seq, (captured, at, source, room, obs) in enumerate(events, start=1):
                event = {"v": 1, "at": at, "captured": captured, "mono": 0, "clock": "external", "source": source, "order": seq}
                if room:
                    event["room"] = room
                event["obs"] = obs
                line = {
                    "trust": trust, "site": site, "agent": "theatres", "stream": stream, "seq": seq,
                    "received": captured + 2000, "event": event,
                }
                out.write(json.dumps(line, separators=(",", ":")) + "\n")
                count += 1
    print(f"{count} events")


if __name__ == "__main__":
    main()

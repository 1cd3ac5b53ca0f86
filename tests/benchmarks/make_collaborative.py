#!/usr/bin/env python3
"""Makes a year's events of a collaborative of trusts as `touchtime import events` takes them, the same ones each time.

    python3 tests/benchmarks/make_collaborative.py year.ndjson

13 trusts with 150 theatres and 60 scanners between them, one site each. Theatres are those of make_year.py. A scanner has a
session from 08:00 to 18:00 on each weekday, with an exam about every 25 minutes, some of them given up, a second one of
the same accession now and then; its feed is alive all day, but for an outage now and then.
"""
import argparse
import datetime
import json
import random

from make_year import DAY, MINUTE, YEAR, hexadecimal, of_site


def of_scanner(chance: random.Random, trust: str, room: str, kind: str, days: range):
    """What one scanner does: as `of_site` of make_year.py has it."""
    for day in days:
        if datetime.date.fromtimestamp(day * 86_400).weekday() >= 5:
            continue
        start = day * DAY + 8 * 60 * MINUTE
        end = start + 600 * MINUTE
        planned = max(start - 7 * DAY, days.start * DAY)
        yield planned, planned, "scanner-plan", room, {"plan_revision": {
            "session": f"{day}-{room}", "start": start, "end": end, "kind": "elective", "room_kind": kind,
        }}
        outage = chance.randint(0, 60) if chance.random() < 0.1 else None
        for n in range(12 * 11 + 1):
            at = start - 30 * MINUTE + n * 5 * MINUTE
            if outage is None or not outage <= n < outage + 40:
                yield at, at, "scanner", room, {"alive": {}}
        at, n, accession = start + chance.randint(-5, 15) * MINUTE, 0, ""
        while at < end + 20 * MINUTE:
            minutes = chance.randint(9, 30)
            if not accession or chance.random() > 0.05:
                accession = f"2.{hexadecimal(trust, room, day, n)}"
            step = {
                "step": f"1.{hexadecimal('step', trust, room, day, n)}", "start": at, "end": at + minutes * MINUTE,
                "accessions": [accession], "patient": f"3.{accession[2:]}",
                "protocol": f"Protocol {chance.randint(1, 12)}",
            }
            if chance.random() < 0.04:
                step.update(state="discontinued", reason=110501)
            else:
                step["state"] = "completed"
            told = at + minutes * MINUTE
            yield told, told, "scanner", room, {"performed_step": step}
            at += (minutes + chance.randint(2, 14)) * MINUTE
            n += 1


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("file")
    arguments.add_argument("--days", type=int, default=366)
    arguments.add_argument("--trusts", type=int, default=13)
    arguments.add_argument("--theatres", type=int, default=150, help="of all trusts")
    arguments.add_argument("--scanners", type=int, default=60, help="of all trusts")
    options = arguments.parse_args()
    first = (YEAR - datetime.date(1970, 1, 1)).days
    days = range(first, first + options.days)
    count = 0
    with open(options.file, "w", encoding="utf-8") as out:
        for number in range(options.trusts):
            trust, site = f"trust-{number + 1}", f"site-{number + 1}"
            chance = random.Random(f"{trust} {site}")
            # The first trusts have one more where the numbers do not divide.
            theatres = len(range(number, options.theatres, options.trusts))
            events = list(of_site(chance, site, days, theatres, 1))
            for n in range(number, options.scanners, options.trusts):
                kind = ["mri", "ct"][n % 2]
                events.extend(of_scanner(chance, trust, f"{kind}-{n + 1}", kind, days))
            events.sort(key=lambda event: event[0])
            stream = hexadecimal(trust, site)
            for seq, (captured, at, source, room, obs) in enumerate(events, start=1):
                event = {"v": 1, "at": at, "captured": captured, "mono": 0, "clock": "external", "source": source, "order": seq}
                if room:
                    event["room"] = room
                event["obs"] = obs
                line = {
                    "trust": trust, "site": site, "agent": "edge", "stream": stream, "seq": seq,
                    "received": captured + 2000, "event": event,
                }
                out.write(json.dumps(line, separators=(",", ":")) + "\n")
            count += len(events)
    print(f"{count} events")


if __name__ == "__main__":
    main()

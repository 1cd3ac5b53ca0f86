#!/usr/bin/env python3
"""How long an agent that could not reach its broker takes to send what has gathered meanwhile, and what memory it needs.

The bundled cases, with a sign of life of each suite every five minutes, are recorded while nothing listens on the broker's
port: 312 suite-days, or three days of a hundred and four theatres. Then mosquitto and a collector start, and the agent
again; it ends when the collector has told that all is on its disk.

    cargo build --release && cargo build --release -p edge-agent-linux
    python3 tests/benchmarks/drain.py
"""

import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("TOUCHTIME_PROGRAMS", ROOT / "target/release"))
CASES = ROOT / "tests/data/or_utilisation_2022_jan_feb.csv"
SUITE_DAYS = 312
HOURS = 72


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        broker, board = free_port(), free_port()
        key = folder / "token.key"
        subprocess.run([PROGRAMS / "touchtime-agent", "key", key], check=True, stdout=subprocess.DEVNULL)
        agent_toml = folder / "agent.toml"
        agent_toml.write_text(
            f"trust = 'demo'\nsite = 'main'\nagent = 'theatres'\ndata-dir = '{folder}/agent'\n"
            f"[broker]\nhost = '127.0.0.1'\nport = {broker}\n[collectors]\nrequired = ['c1']\n[tokens]\nkey-file = '{key}'\n"
        )
        replay = [PROGRAMS / "touchtime-agent", "replay", CASES, "--mapping", CASES.with_suffix(".mapping.toml"), "--config", agent_toml]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

        agent = subprocess.Popen(replay, **quiet)
        waiting = gathered(folder / "agent/status.json")
        memory = re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{agent.pid}/status").read_text())
        agent.kill()
        agent.wait()
        print(f"{waiting} events wait in the outbox; the agent's own memory (RssAnon) is {int(memory[1]) / 1024:.1f} MiB")

        (folder / "mosquitto.conf").write_text(
            f"listener {broker} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 100000\nmax_inflight_messages 256\nlog_type error\n"
        )
        gateway = folder / "gateway.toml"
        gateway.write_text(
            f"trust = 'demo'\n[store]\ndir = '{folder}/store'\n[broker]\nhost = '127.0.0.1'\nport = {broker}\n"
            f"[board]\nlisten = '127.0.0.1:{board}'\n"
        )
        mosquitto = subprocess.Popen(["mosquitto", "-c", folder / "mosquitto.conf"], **quiet)
        collector = subprocess.Popen([PROGRAMS / "touchtime", "run", "--config", gateway], **quiet)
        try:
            await_port(board)
            begin = time.monotonic()
            subprocess.run(replay, check=True, timeout=600, **quiet)
            took = time.monotonic() - begin
        finally:
            collector.terminate()
            collector.wait()
            mosquitto.kill()
        print(f"all of it is on the collector's disk {took:.1f} s after the agent's start: {waiting / took:.0f} events a second")
        theatres = SUITE_DAYS * 24 // HOURS
        print(f"as {HOURS} h of {theatres} theatres that is {HOURS * 3600 / took:.0f} times real time")


def gathered(status):
    """The depth of the outbox once it no longer grows."""
    import json

    last, since = -1, time.monotonic()
    while time.monotonic() - since < 12:
        time.sleep(0.5)
        try:
            depth = json.loads(status.read_text())["depth"]
        except (OSError, ValueError):
            continue
        if depth != last:
            last, since = depth, time.monotonic()
    return last


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def await_port(port):
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""roshambo in turn with the bare C server of benches/peers, over TCP and over a unix socket.

    make -s -C benches/peers/raw-epoll OUT=build && cargo build --release
    benches/floor.py                              prints a table, some 6 minutes
    benches/floor.py --pairs 12 --seconds 30      what an aim is compared with: an hour and a half
    benches/floor.py --only "TCP: 5,000"          one row
    benches/floor.py --flags "--log-level warn"   ours with other settings

Both play the same game over Engine.IO 3 with 200 players, without limits, and without a store's file. The
server has core 0, the client core 1, and each measurement a fresh process. Of each pair the ratio is taken,
for both saw the same minute; what is printed is the median of the ratios, and the interval that holds
the true one with 95 % by their order alone, as far as the number of pairs allows that.
"""

import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMITS_OFF = ["--rate-limit", "0", "--relay-interval", "0", "--max-per-address", "0"]
# Title, the client's mode, and the figure of it.
COLUMNS = [
    ("window 1, µs a message", ["flood", "--window", "1"], "server_us_per_message"),
    ("window 8, µs a message", ["flood", "--window", "8"], "server_us_per_message"),
    ("5,000 a second, µs a message", ["relay"], "server_us_per_message"),
    ("connect + hello + close, µs", ["churn"], "server_us_per_connection"),
]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--binary", default=ROOT / "target/release/roshambo")
    options.add_argument("--floor", default=ROOT / "benches/peers/raw-epoll/build/server")
    options.add_argument("--pairs", type=int, default=7)
    options.add_argument("--seconds", type=int, default=3)
    options.add_argument("--only", default="", metavar="TEXT", help="rows that have this in their title")
    options.add_argument("--flags", default="", help="for our server, beside those that lift its limits")
    options = options.parse_args()
    for program in (options.binary, options.floor):
        if not pathlib.Path(program).exists():
            sys.exit(f"{program} is missing: the first lines of {sys.argv[0]} say how it is built")

    print("no time is right on a machine that has other work", file=sys.stderr)
    figures = {}
    for number in range(options.pairs):
        for way in ("TCP", "unix socket"):
            for title, mode, key in COLUMNS:
                if options.only not in f"{way}: {title}":
                    continue
                pair = [measure(options, ours, way, mode, key) for ours in (True, False)]
                figures.setdefault((way, title), []).append(pair)
        print(f"pair {number + 1} of {options.pairs}: done", file=sys.stderr)

    print(f"| medians of {options.pairs} pairs of {options.seconds} s | roshambo | bare C | ratio |")
    print("|---|---|---|---|")
    for (way, title), pairs in figures.items():
        ours, floor = (statistics.median(side) for side in zip(*pairs))
        ratios = sorted(ours / floor for ours, floor in pairs)
        low, high = interval(ratios)
        ratio = f"{statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})"
        print(f"| {way}: {title} | {ours:.2f} | {floor:.2f} | {ratio} |")


def interval(ordered):
    """The narrowest of order statistics that holds the median with 95 %, or all there are."""
    count = len(ordered)
    outside = 0.0
    for cut in range(count // 2):
        # The true median is below the lowest `cut + 1` of them, or above as many, by chance alone.
        outside += 2 * math.comb(count, cut) / 2**count
        if 0.05 < outside:
            return ordered[max(cut - 1, 0)], ordered[-max(cut, 1)]
    return ordered[0], ordered[-1]


def measure(options, ours, way, mode, key):
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        port = "9680"
        place = f"unix:{path}" if way == "unix socket" else f"127.0.0.1:{port}"
        command = ["taskset", "-c", "0", options.floor]
        environment = {"PORT": port} if way == "TCP" else {"UNIX_SOCKET": path}
        if ours:
            command = ["taskset", "-c", "0", options.binary, "--listen", place, "--store", "memory"]
            command, environment = command + LIMITS_OFF + options.flags.split(), {}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        server = subprocess.Popen(command, env=environment, **quiet)
        try:
            time.sleep(0.4)
            url = place if way == "unix socket" else f"ws://{place}"
            client = ["taskset", "-c", "1", options.binary, "bench", url, *mode, "--json", "--quiet"]
            client += ["--dialect", "eio3", "--seconds", str(options.seconds), "--pid", str(server.pid)]
            told = subprocess.run(client, capture_output=True, text=True, check=True).stdout
            return json.loads(told)["modes"][0]["figures"][key]
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()

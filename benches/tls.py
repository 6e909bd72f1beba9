#!/usr/bin/env python3
"""What a TLS player costs the whole machine: roshambo's own TLS beside the shipped nginx site.

    benches/tls.py                                  prints a table, some 5 minutes
    benches/tls.py --rounds 5 --seconds 10 --idle 4000
    benches/tls.py --binary target/debug/roshambo   tries the script, measures nothing of worth

It needs root, nginx, openssl, taskset, and what `cargo build --release` has built. Nothing listens but
on 127.0.0.1. The server, with nginx in front of it or not, has core 0, the client core 1. Memory is
what all processes of the server's side hold, and by how much the kernel's slabs, where sockets and files
lie, have grown; the client's ends, which lie there, too, are taken off: they are half of what comes where the
client faces roshambo alone. Core time is that of all processes. The two ways take turns.
"""

import argparse
import json
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROCESSES, KERNEL = "of them the processes'", "of them the kernel's"
LIMITS_OFF = ["--rate-limit", "0", "--relay-interval", "0", "--max-per-address", "0"]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--binary", default=ROOT / "target/release/roshambo")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=int, default=10)
    options.add_argument("--idle", type=int, default=2000)
    options = options.parse_args()
    binary = pathlib.Path(options.binary).resolve()
    if not binary.exists():
        sys.exit(f"{binary} is missing: cargo build --release")

    figures = {}
    print("no time is right on a machine that has other work", file=sys.stderr)
    for turn in range(options.rounds):
        for way in (Own, Behind):
            for name, value in measure(way, binary, options):
                figures.setdefault(name, {}).setdefault(way.title, []).append(value)
            print(f"round {turn + 1}, {way.title}: done", file=sys.stderr)
    ends = statistics.median(figures[KERNEL][Own.title]) / 2
    for held in figures[KERNEL].values():
        held[:] = [value - ends for value in held]
    figures = {"bytes an idle player, in all": both(figures[PROCESSES], figures[KERNEL]), **figures}

    print(f"| TLS 1.3, medians of {options.rounds} | {Own.title} | {Behind.title} | ratio |")
    print("|---|---|---|---|")
    for name, ways in figures.items():
        own, behind = (statistics.median(ways[way.title]) for way in (Own, Behind))
        print(f"| {name} | {shown(own)} | {shown(behind)} | {own / behind:.2f} |")


def both(some, others):
    return {title: [a + b for a, b in zip(some[title], others[title])] for title in some}


def shown(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def measure(way, binary, options):
    """The figures of one way, each on a fresh server."""
    with way(binary) as server:
        before = server.memory()
        bench = server.bench("idle", "--count", options.idle, "--seconds", 12)
        held = []
        while bench.poll() is None:
            held.append(server.memory())
            time.sleep(0.5)
        report(bench)
        # Without the connecting at the start and the closing at the end.
        for name, start, then in zip((PROCESSES, KERNEL), before, zip(*held[-12:-4])):
            yield name, (statistics.median(then) - start) / options.idle
    with way(binary) as server:
        spent = server.core_time()
        answer = report(server.bench("churn", "--seconds", options.seconds))
        spent = server.core_time() - spent
        yield "core µs a connection: handshake, hello, close", spent / answer["connections"] / 1e3
        yield "connections a second", answer["connections_per_s"]
    for name, flags in (
        ("5,000 a second", ["relay", "--rate", 5000]),
        ("window 1", ["flood", "--window", 1]),
        ("window 8", ["flood", "--window", 8]),
    ):
        with way(binary) as server:
            bench = server.bench(*flags, "--seconds", options.seconds)
            answer, spent = report(bench, server)
            yield f"core µs a message, {name}", spent
            if "latency_p50_us" in answer:
                yield f"p50 µs, {name}", answer["latency_p50_us"]
                yield f"p99 µs, {name}", answer["latency_p99_us"]


def report(bench, server=None):
    """A bench's figures, once it has ended; with `server` its core µs a message in steady state."""
    samples = []
    while server and bench.poll() is None:
        samples.append((time.monotonic(), server.core_time()))
        time.sleep(0.25)
    said, _ = bench.communicate()
    if bench.returncode:
        sys.exit(f"the bench failed: {said}")
    answer = json.loads(said)["modes"][0]["figures"]
    if not server:
        return answer
    # The middle half of the run: a share of a core there, over the messages of a second.
    middle = samples[len(samples) * 3 // 8 : len(samples) * 7 // 8]
    (first, spent), (last, spent_then) = middle[0], middle[-1]
    share = (spent_then - spent) / 1e3 / (last - first)
    return answer, share / answer["faces_per_s"]


class Server:
    """Processes on a core of their own, in a folder that goes with them."""

    def __init__(self, binary):
        self.binary = binary
        self.folder = tempfile.TemporaryDirectory(prefix="roshambo-tls-")
        self.processes = []
        self.port = free_port()

    def __enter__(self):
        path = pathlib.Path(self.folder.name)
        self.certificate, self.key = path / "chain.pem", path / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            + ["-nodes", "-days", "30", "-subj", "/CN=localhost"]
            + ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
            + ["-keyout", self.key, "-out", self.certificate],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        self.key.chmod(0o600)
        self.start(path)
        wait_for(self.port)
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()
        self.folder.cleanup()

    def run(self, *command):
        process = subprocess.Popen(
            ["taskset", "-c", "0", *map(str, command)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.processes.append(process)

    def memory(self):
        """Bytes of its processes' own, and of the kernel's slabs, this machine's in all."""
        status = [pathlib.Path(f"/proc/{pid}/status").read_text() for pid in self.pids()]
        own = sum(int(re.search(r"RssAnon:\s+(\d+)", text)[1]) for text in status)
        slabs = re.search(r"Slab:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]
        return own * 1024, int(slabs) * 1024

    def pids(self):
        """With nginx's worker."""
        found = []
        for process in self.processes:
            children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            found += [process.pid, *children.split()]
        return found

    def core_time(self):
        """Nanoseconds of all threads of all its processes."""
        spent = 0
        for pid in self.pids():
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                spent += int(task.read_text().split()[0])
        return spent

    def bench(self, *what):
        return subprocess.Popen(
            ["taskset", "-c", "1", self.binary, "bench", f"wss://127.0.0.1:{self.port}"]
            + [*map(str, what), "--insecure", "--json", "--quiet"],
            stdout=subprocess.PIPE,
            text=True,
        )


class Own(Server):
    title = "roshambo alone"

    def start(self, path):
        self.run(
            *[self.binary, "--listen", f"unix:{path}/plain.sock", "--store", "memory"],
            *["--tls-listen", f"127.0.0.1:{self.port}", "--max-connections", "60000"],
            *["--tls-cert", self.certificate, "--tls-key", self.key, *LIMITS_OFF],
        )


class Behind(Server):
    title = "behind the nginx site"

    def start(self, path):
        self.run(
            *[self.binary, "--listen", f"unix:{path}/roshambo.sock", "--store", "memory"],
            *["--max-connections", "60000", *LIMITS_OFF],
        )
        (path / "nginx.conf").write_text(
            f"user root; worker_processes 1; worker_rlimit_nofile 65536;\n"
            f"pid {path}/nginx.pid; error_log {path}/error.log;\n"
            "events { worker_connections 50000; }\n"
            f"http {{ access_log off; include {path}/site.conf; }}\n"
        )
        (path / "site.conf").write_text(self.site(path))
        self.run("nginx", "-c", path / "nginx.conf", "-g", "daemon off;")

    def site(self, path):
        """The shipped one; only what belongs to a machine, and the limits, are others."""
        site = (ROOT / "systemd/nginx/roshambo.conf").read_text()
        site = site.replace("/run/roshambo/roshambo.sock", f"{path}/roshambo.sock")
        site = re.sub(r"listen \[::\]:\d+[^;]*;", "", site)
        site = site.replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
        site = site.replace("listen 443 ssl;", f"listen 127.0.0.1:{self.port} ssl;")
        site = re.sub(r"ssl_certificate +[^;]*;", f"ssl_certificate {self.certificate};", site)
        site = re.sub(r"ssl_certificate_key +[^;]*;", f"ssl_certificate_key {self.key};", site)
        site = re.sub(r"^ *limit_(conn|req) .*$", "", site, flags=re.MULTILINE)
        return site


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
    sys.exit("the server does not answer")


main()

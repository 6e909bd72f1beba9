#!/usr/bin/env python3
"""What idle players cost nginx: the figure of systemd/README.md under "Sizing". Needs nginx and openssl.

    tests/service/nginx_memory.py ROSHAMBO [PLAYERS] [--large]

It starts the program and an nginx with the site file that is shipped, opens so many TLS connections
through it, lets each say hello, and prints how much the resident memory of nginx' worker and of
roshambo has grown for each, without the first hundred; and the kernel's slabs, which hold all four
ends, the client's included. With --large nginx keeps its own buffer sizes, to see what those of the
site are worth. Everybody says hello and then nothing; pings are left to the kernel.
"""

import pathlib
import resource
import socket
import ssl
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIRST = 100
# Longer than any start or end takes.
PATIENCE_S = 60
# Below limit_conn of the site.
PER_ADDRESS = 200
UPGRADE = (
    b"GET /applet/websocket HTTP/1.1\r\nHost: e\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
HELLO = b'["hello",{"v":2,"user":{"uname":"Ann","uavatar":""}}]'
SMALL = ["ssl_buffer_size", "proxy_buffer_size", "proxy_buffers", "proxy_busy_buffers_size"]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def site(directory, upstream, port, large):
    """The shipped site file, with what differs on every machine."""
    text = (ROOT / "systemd/nginx/roshambo.conf").read_text(encoding="utf-8")
    text = text.split("server {\n    listen 80;")[0] + "server {\n    # WebSockets come" + text.split(
        "server {\n    # WebSockets come")[1]
    for old, new in [
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("listen [::]:443 ssl;", ""),
        ("/etc/letsencrypt/live/example.org/fullchain.pem", f"{directory}/cert.pem"),
        ("/etc/letsencrypt/live/example.org/privkey.pem", f"{directory}/key.pem"),
        ("unix:/run/roshambo/roshambo.sock", f"unix:{upstream}"),
    ]:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    if large:
        lines = text.splitlines()
        text = "\n".join(line for line in lines if not line.strip().startswith(tuple(SMALL)))
    return text


def resident(pid):
    """In bytes, of the process and its children."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    line = next(line for line in own.splitlines() if line.startswith("Rss:"))
    return int(line.split()[1]) * 1024 + sum(resident(child) for child in children)


def slab():
    text = pathlib.Path("/proc/meminfo").read_text()
    line = next(line for line in text.splitlines() if line.startswith("Slab:"))
    return int(line.split()[1]) * 1024


def greet(context, number, port):
    source = f"127.0.{1 + number // PER_ADDRESS // 200}.{1 + number // PER_ADDRESS % 200}"
    sock = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
    sock.settimeout(PATIENCE_S)
    sock = context.wrap_socket(sock)
    sock.sendall(UPGRADE)
    said = b""
    while b"\r\n\r\n" not in said:
        said += received(sock)
    assert said.startswith(b"HTTP/1.1 101 "), said
    sock.sendall(bytes([0x81, 0x80 | len(HELLO), 0, 0, 0, 0]) + HELLO)
    while b'["hi",' not in said:
        said += received(sock)
    return sock


def received(sock):
    piece = sock.recv(4096)
    assert piece, "the other end is gone"
    return piece


def until_listening(family, address, child):
    end = time.monotonic() + PATIENCE_S
    while True:
        assert child.poll() is None, f"{child.args[0]} has ended"
        with socket.socket(family) as sock:
            try:
                return sock.connect(address)
            except (ConnectionRefusedError, FileNotFoundError):
                assert time.monotonic() < end, f"{child.args[0]} does not listen"
        time.sleep(0.02)


def end_all(children):
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def main():
    words = [word for word in sys.argv[1:] if word != "--large"]
    large = "--large" in sys.argv
    program, players = words[0], int(words[1]) if len(words) > 1 else 4000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-keyout", f"{directory}/key.pem", "-out", f"{directory}/cert.pem"],
            check=True, stderr=subprocess.DEVNULL,
        )
        upstream, port = f"{directory}/roshambo.sock", free_port()
        pathlib.Path(f"{directory}/site.conf").write_text(site(directory, upstream, port, large))
        places = "".join(
            f"{kind}_temp_path {directory}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        pathlib.Path(f"{directory}/nginx.conf").write_text(
            f"user root;\ndaemon off;\nworker_processes 1;\nworker_rlimit_nofile {hard};\n"
            f"pid {directory}/pid;\nerror_log {directory}/error.log;\n"
            f"events {{ worker_connections {2 * players + 100}; }}\n"
            f"http {{\naccess_log off;\n{places}include {directory}/site.conf;\n}}\n"
        )
        # Whatever was started ends with this, whatever happens.
        children = []
        try:
            # Nobody is pinged or missed while this lasts.
            server = subprocess.Popen(
                [program, "--listen", f"unix:{upstream}", "--ping-interval", "10m",
                 "--ping-timeout", "1h", "--max-connections", str(players + 10),
                 "--max-per-address", "0"],
                stderr=subprocess.DEVNULL,
            )
            children.append(server)
            until_listening(socket.AF_UNIX, upstream, server)
            nginx = subprocess.Popen(
                ["nginx", "-p", directory, "-c", f"{directory}/nginx.conf", "-e",
                 f"{directory}/error.log"],
                env={"PATH": "/usr/sbin:/usr/bin:/bin"}, stderr=subprocess.DEVNULL,
            )
            children.append(nginx)
            context = ssl.create_default_context(cafile=f"{directory}/cert.pem")
            context.check_hostname = False
            until_listening(socket.AF_INET, ("127.0.0.1", port), nginx)
            here = [greet(context, number, port) for number in range(FIRST)]
            before = resident(nginx.pid), resident(server.pid), slab()
            here += [greet(context, number, port) for number in range(FIRST, players)]
            after = resident(nginx.pid), resident(server.pid), slab()
            grown = [(new - old) / (players - FIRST) for old, new in zip(before, after)]
            print(f"{players} idle players by {here[0].version()}, "
                  f"{'buffers as nginx has them' if large else 'the site as shipped'}")
            for name, value in zip(("nginx", "roshambo", "kernel slabs, all ends"), grown):
                print(f"  {name:<24}{value:8.0f} bytes a player")
        finally:
            end_all(children[::-1])


main()

"""What the checks inside the booted machine have in common: systemd's word, and clients by hand."""

import functools
import json
import os
import socket
import ssl
import subprocess
import time

GAME = ("127.0.0.1", 9595)
ADMIN = ("127.0.0.1", 9596)
PATIENCE_S = 60

UPGRADE = (
    "GET /applet/websocket{} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)

result = open("/result", "w", buffering=1)


def say(text):
    print(text, file=result)


def run(*command, **options):
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    assert done.returncode == 0, (command, done.stdout)
    return done.stdout.strip()


def show(name, unit="roshambo.service"):
    return run("systemctl", "show", "--value", "-p", name, unit)


def host_of(address):
    """What stands in `Host:`; a unix socket has no name."""
    if isinstance(address, tuple):
        return address[0]
    return address.removeprefix("https://") if address.startswith("https://") else "localhost"


@functools.cache
def _trusting(_changed):
    return ssl.create_default_context()


def shake_hands(sock, name):
    """TLS with whoever the machine trusts. All that it trusts is read once: for each of a crowd it would
    take so long on a busy machine that the last ones had said nothing for ten seconds."""
    bundle = os.stat("/etc/ssl/certs/ca-certificates.crt").st_mtime_ns
    return _trusting(bundle).wrap_socket(sock, server_hostname=name)


def connect(address=GAME):
    """To a TCP address, a unix socket's path, or `https://` and a name, through nginx."""
    if isinstance(address, str) and address.startswith("https://"):
        name = address.removeprefix("https://")
        sock = socket.create_connection((name, 443), timeout=PATIENCE_S)
        return shake_hands(sock, name)
    if isinstance(address, str):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(address)
    else:
        sock = socket.create_connection(address)
    sock.settimeout(PATIENCE_S)
    return sock


def knock(sock, address, query=""):
    sock.sendall(UPGRADE.format(query, host_of(address)).encode())
    return sock


def come(address=GAME, query=""):
    """Somebody who wants to play, and has not waited for the answer yet."""
    return knock(connect(address), address, query)


def head(sock):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        assert byte, ("cut after", data)
        data += byte
    return data


def let_in(sock):
    answer = head(sock)
    assert answer.startswith(b"HTTP/1.1 101 "), answer
    return sock


def exactly(sock, count):
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        assert piece, ("cut after", data)
        data += piece
    return data


def frame(sock):
    """The payload of the next text frame; None for a close frame. On a slow machine there are pings
    between them."""
    first = 0x89
    while first == 0x89:
        first, length = exactly(sock, 2)
        if length == 126:
            length = int.from_bytes(exactly(sock, 2), "big")
        payload = exactly(sock, length)
    return None if first == 0x88 else payload


def say_event(sock, text):
    data = text.encode()
    sock.sendall(bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data)


def say_hello(sock, name, token=""):
    """What this one is told, in its `hi`."""
    session = f',"session":"{token}"' if token else ""
    say_event(sock, '["hello",{"v":2,"user":{"uname":"%s","uavatar":""}%s}]' % (name, session))
    return until_event(sock, "hi")


def until_event(sock, name):
    while not (payload := frame(sock) or b"gone").startswith(b'["%s",' % name.encode()):
        assert payload != b"gone", f"cut before {name}"
    return json.loads(payload)[1]


def until(holds, otherwise):
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, otherwise
        time.sleep(0.05)


def ask(path, address=ADMIN):
    sock = connect(address)
    fields = f"Host: {host_of(address)}\r\nConnection: close\r\n\r\n"
    sock.sendall(f"GET {path} HTTP/1.1\r\n{fields}".encode())
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data.decode()


def until_other_main(old, unit="roshambo.service"):
    """Waits until systemd runs another process than `old`, and that one said it is ready."""
    end = time.monotonic() + PATIENCE_S
    while True:
        pid, state = show("MainPID", unit), show("ActiveState", unit)
        if pid not in ("0", old) and state == "active":
            return pid
        assert time.monotonic() < end, (pid, state)

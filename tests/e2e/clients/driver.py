"""A Python client that is told what to do by lines of JSON, and tells what happens to it.

Usage: driver.py socketio | websockets

Commands: connect, send, ask, namespace, binary, disconnect. It ends with its standard input.
"""

import contextlib
import json
import os
import sys
import threading

LOCK = threading.Lock()


def tell(**message):
    """One line for the runner. Key order is kept: the runner compares texts."""
    with LOCK:
        sys.stdout.write(json.dumps(message, ensure_ascii=False, separators=(",", ":")) + "\n")
        sys.stdout.flush()


class SocketIo:
    """python-socketio's own client, with the options that the README tells people to use."""

    def __init__(self):
        import socketio

        class Patient(socketio.Client):
            """Waits for its namespace for longer than a second, also when it comes back.

            Yet not for ever: its two threads share one TLS connection, which Python's ssl does not
            allow. By that about one connection in 9,000 looks closed to its reader at once, and
            only the end of this time makes the library try again.
            """

            def connect(self, *args, wait_timeout=10, **options):
                super().connect(*args, wait_timeout=wait_timeout, **options)

        self.client = Patient(
            reconnection_delay=0.1, reconnection_delay_max=0.1, randomization_factor=0,
            request_timeout=60,
        )
        self.client.on("connect", lambda: tell(connected=True))
        self.client.on("disconnect", lambda reason: tell(note=f"disconnect: {reason}"))
        self.client.on("*", lambda event, *items: tell(event=event, payload=next(iter(items), None)))

    def connect(self, command):
        options = {} if command.get("polling") else {"transports": ["websocket"]}
        self.client.connect(
            command["url"], socketio_path="applet/websocket/socket.io", **options
        )

    def send(self, command):
        self.client.emit(command["name"], command.get("payload"))

    def ask(self, command):
        def answered(*items):
            tell(ack=command["id"], payload=next(iter(items), None))

        self.client.emit(command["name"], command.get("payload"), callback=answered)

    def namespace(self, command):
        """Asks for another namespace on the same connection; the library does so only at connect."""
        from socketio import packet

        name = command["namespace"]
        self.client.on("connect_error", lambda data: tell(refused=data["message"]), namespace=name)
        self.client._send_packet(packet.Packet(packet.CONNECT, namespace=name))

    def binary(self, _command):
        self.client.emit("face", b"\1\2\3")

    def disconnect(self, _command):
        self.client.disconnect()


class WebSockets:
    """The plain dialect through the websockets package."""

    def connect(self, command):
        from websockets.sync.client import connect

        # Opened here, used in two threads, and closed by a command or with the process.
        self.client = contextlib.ExitStack().enter_context(
            connect(command["url"], open_timeout=60, subprotocols=command.get("protocols"))
        )
        tell(connected=True, subprotocol=self.client.subprotocol)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                text = self.client.recv()
                try:
                    name, *items = json.loads(text)
                except (ValueError, TypeError):
                    name, items = "(unreadable)", [text]
                tell(event=name, payload=next(iter(items), None))
        except ConnectionClosed as closed:
            tell(note=f"close: {closed.rcvd.code if closed.rcvd else 1006}")

    def send(self, command):
        payload = command.get("payload")
        items = [command["name"]] if payload is None else [command["name"], payload]
        self.client.send(json.dumps(items, ensure_ascii=False))

    def binary(self, _command):
        self.client.send(b"\1\2\3")

    def disconnect(self, _command):
        self.client.close()


def main():
    driver = {"socketio": SocketIo, "websockets": WebSockets}[sys.argv[1]]()
    for line in sys.stdin:
        command = json.loads(line)
        try:
            getattr(driver, command["do"])(command)
        except Exception as error:  # whatever it is, the runner decides what it means
            tell(failed=f"{type(error).__name__}: {error}")
    # The libraries' own threads need not be waited for.
    os._exit(0)


main()

"""A proxy of a test, between a pusher and a listening RTSP source: what is pushed is let through in bursts.

    python tests/doubles/bursting_proxy.py LISTEN_PORT FORWARD_PORT INTERVAL_MS

Serves one connection, on loopback. Prints ``connected`` when both sides are. What comes back is not held up.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from typing import Final

_ANSWER_S: Final = 30.0
_CHUNK: Final = 1 << 16


def accept(port: int) -> socket.socket:
    """The one connection to ``port``."""
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(_ANSWER_S)
        return server.accept()[0]


def connect(port: int) -> socket.socket:
    """A connection to who will listen on ``port`` within half a minute."""
    deadline = time.monotonic() + _ANSWER_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_S)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def forward(pusher: socket.socket, listener: socket.socket, interval_s: float) -> None:
    """Forwards until either side ends."""
    held = bytearray()
    due = time.monotonic() + interval_s
    while True:
        readable, _, _ = select.select([pusher, listener], [], [], max(0.0, due - time.monotonic()))
        if listener in readable:
            if not (answer := listener.recv(_CHUNK)):
                return
            pusher.sendall(answer)
        if pusher in readable:
            if not (pushed := pusher.recv(_CHUNK)):
                return
            held += pushed
        if time.monotonic() >= due:
            listener.sendall(held)
            held.clear()
            due += interval_s


if __name__ == "__main__":
    listen_port, forward_port, interval_ms = map(int, sys.argv[1:])
    with connect(forward_port) as listening, accept(listen_port) as pushing:
        print("connected", flush=True)  # noqa: T201 - what a test may wait for
        forward(pushing, listening, interval_ms / 1000)

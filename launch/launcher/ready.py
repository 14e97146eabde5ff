"""Tells systemd that a launch is done (sd_notify(3)): one datagram, if it asked for that.

A unit with ``Type=notify`` is started once this comes: ``systemctl start`` returns when all agents are
launched. No network: the socket is a file of this host (docs/decisions/0054).
"""

from __future__ import annotations

import os
from typing import Final

VARIABLE: Final = "NOTIFY_SOCKET"
_TIMEOUT_S: Final = 5.0


def notify_ready(status: str) -> str | None:
    """Says that this process is up, once: the address leaves the environment, so it is not said again.

    Args:
        status: One line for ``systemctl status``.

    Returns:
        Why it could not be said, or None.

    """
    address = os.environ.pop(VARIABLE, "")
    if address[:1] not in ("/", "@"):
        return None
    import socket  # after the last fork: no agent holds it

    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(_TIMEOUT_S)
            path = f"\0{address[1:]}" if address.startswith("@") else address  # an abstract name, unix(7)
            sender.sendto(f"READY=1\nSTATUS={status}\n".encode(), path)
    except OSError as error:
        return f"systemd was not told that the launch is done: {error.strerror or error}"
    return None

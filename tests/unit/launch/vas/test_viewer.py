from __future__ import annotations

import os
import socket

from harness.waiting import wait_until
from launch.vas.viewer import Viewer


def test_arrived() -> None:
    """Whether anything has come since the last poll, however much it was; it is thrown away."""
    viewer = Viewer()
    assert not viewer.arrived()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(100):
            sender.sendto(b"x" * 1200, ("127.0.0.1", viewer.ports[0]))
    wait_until(viewer.arrived, "a datagram")
    assert not viewer.arrived()
    viewer.close()


def test_small() -> None:
    """What no process reads takes next to no memory of the kernel."""
    viewer = Viewer()
    assert viewer._rtp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < 8192
    viewer.close()


def test_nothing_is_left() -> None:
    """Closed, it holds no port."""
    before = os.listdir("/proc/self/fd")
    Viewer().close()
    assert os.listdir("/proc/self/fd") == before

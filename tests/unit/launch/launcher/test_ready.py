"""What systemd is told of a launch: once, in one datagram, and nothing where it did not ask."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from launch.launcher.ready import VARIABLE, notify_ready

if TYPE_CHECKING:
    from pathlib import Path


def test_one_datagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """READY and a line of status come; the address is in the environment no longer, for what follows."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(5)
        monkeypatch.setenv(VARIABLE, address)
        assert notify_ready("agents: 2") is None
        assert listener.recv(1000) == b"READY=1\nSTATUS=agents: 2\n"
        assert VARIABLE not in os.environ
        assert notify_ready("again") is None
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.recv(1000)


def test_an_abstract_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that begins with @ is an abstract one."""
    name = f"ruth-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        listener.settimeout(5)
        monkeypatch.setenv(VARIABLE, f"@{name}")
        assert notify_ready("up") is None
        assert listener.recv(1000).startswith(b"READY=1\n")


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative"])
def test_no_address(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Without an address of a kind that is known nothing is sent, and that is no problem."""
    monkeypatch.setenv(VARIABLE, address)
    assert notify_ready("up") is None


def test_no_listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no process listens, that is told."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    assert notify_ready("up") == "systemd was not told that the launch is done: No such file or directory"

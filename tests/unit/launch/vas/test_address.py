from __future__ import annotations

import pytest

from launch.vas.address import host_and_port


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        ("10.0.0.7/main", ("10.0.0.7", None)),
        ("cam.example:554", ("cam.example", 554)),
        ("cam.example:/x", ("cam.example", None)),
        ("u:p@ss@h:1?a=b", ("h", 1)),
        ("u@h:65535#x", ("h", 65535)),
        ("u:p@[fe80::1%eth0]:554/x", ("[fe80::1%eth0]", 554)),
        ("b\u00fccher.example/x", ("b\u00fccher.example", None)),
        ("h/live@2x", ("h", None)),
    ],
)
def test_host_and_port(rest: str, found: tuple[str, int | None]) -> None:
    """The host is what follows the last "@" before the path; a port is optional."""
    assert host_and_port(rest) == found


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ("", "no host"),
        ("/path", "no host"),
        ("u:p@", "no host"),
        (":554/x", "no host"),
        ("h:0", "1 to 65535"),
        ("h:65536", "1 to 65535"),
        ("h:123456789012", "1 to 65535"),
        ("h:x", "not valid"),
        ("h:\u0663", "not valid"),
        ("[::1", "not valid"),
        ("fe80::1", "not valid"),
        ("h x", "a space as %20"),
        ("h/\x1b", "percent-encode"),
        ("h/\udce9", "percent-encode"),
        ("u:a/b@h", "'/' as %2F"),
        ("u:1?b@h", "'/' as %2F"),
        ("u/r:p@h", "'/' as %2F"),
    ],
)
def test_refused(rest: str, reason: str) -> None:
    """What is not a host and port, or could be a password that is not encoded, is refused with the reason."""
    with pytest.raises(ValueError, match=reason):
        host_and_port(rest)

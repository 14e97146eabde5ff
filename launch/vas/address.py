"""The address of a camera: which characters, host and port it may have.

It is stricter than FFmpeg about passwords, which people type without encoding them: what could be a password
with a raw ``/``, ``#`` or ``?`` is refused, since everything behind that character would be taken for a path,
and what is before it be sent to a stranger's host. No error quotes anything of the address.
"""

from __future__ import annotations

import re
from typing import Final

_HOST_AND_PORT: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[^\[\]:]+)(?::(?P<port>[0-9]*))?")
_PORT_MAX: Final = 65535


def host_and_port(rest: str) -> tuple[str, int | None]:
    """Host and port of an address.

    Args:
        rest: What follows ``scheme://``.

    Returns:
        The host, IPv6 in its brackets; and the port, 1 to 65535, or None if there is none.

    Raises:
        ValueError: The text says what is wrong.

    """
    if any(character == " " or not character.isprintable() for character in rest):
        raise ValueError(
            "a space or an unprintable character in the address: percent-encode it, a space as %20"
        )
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    if "@" not in authority and ":" in rest.rpartition("@")[0]:
        raise ValueError(
            "an '@' after the host: in a password, percent-encode '/' as %2F, '#' as %23, '?' as %3F;"
            " elsewhere, '@' as %40"
        )
    address = authority.rpartition("@")[2]
    if not address or address.startswith(":"):
        raise ValueError("no host in the address")
    found = _HOST_AND_PORT.fullmatch(address)
    if found is None:
        raise ValueError("the host or port of the address is not valid")
    port = found["port"]
    if port and not (len(port) <= len(str(_PORT_MAX)) and 1 <= int(port) <= _PORT_MAX):
        raise ValueError(f"the port must be 1 to {_PORT_MAX}")
    return found["host"], int(port) if port else None

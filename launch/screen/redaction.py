"""What never reaches an output: the passwords and tokens in the addresses of cameras.

The one rule for everything that shows a source, what a user typed, or what FFmpeg says of either.

| of an address | is hidden |
|---|---|
| from ``://`` to the last ``@`` of all: a password can hold ``@ / ? #`` by mistake | all of it |
| after the colon behind a host, unless it is a port: the host may have been left out | all of it |
| the value of a key like ``password``, ``token``, ``key``, in query or path | up to the next ``&KEY=`` |

:func:`redact` is for one address or argument, well-formed or not; :class:`Redaction` for the words of a
program that was given the address, and may quote it whole, in part, decoded or encoded again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, unquote_plus

from ruth.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HIDDEN: Final = "***"

_SHORT: Final = 4
"""A secret of fewer characters is hidden only where it is a word of its own: "a" is in most words."""

_LONG: Final = 256
"""A secret of more characters is looked for as it is: a pattern for each of its spellings would take long."""

_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/+|//+")
_NO_PORT: Final = re.compile(r"(?:\[[^\]]*\]|[^:/?#\[\]]*):(?!\d*(?:[/?#]|\Z))")
_IN_TEXT: Final = re.compile(r"(?<=://)\S*(?=@)")

_KEY: Final = re.compile(r"(?<![\w%.~+-])([\w%.~+-]+)=")
_VALUE: Final = re.compile(r"(?:(?!&[^&=\s]+=)\S)*")
# A streamid (SRT) holds a name and a password for several servers; "p" is the password of cheap cameras.
_SECRET_KEY: Final = re.compile(
    r"pass|pwd|psw|token|key|secret|auth|sig|cred|session|jwt|streamid|(?:\A|_)(?:p|pw|pin|sid)\Z",
    re.IGNORECASE,
)


def redact(address: str) -> str:
    """An address, or an argument that should have been one, without its secrets.

    Args:
        address: A URL in any state, ``NAME=URL``, or a path: of that only the values of such keys are hidden.

    """
    return _hide(address, [*_user_spans(address), *_value_spans(address)])


def without_secrets(text: str, arguments: Iterable[str]) -> str:
    """``text`` about the arguments of a command, without the secrets of those that are addresses.

    Args:
        text: An error, for example.
        arguments: Each an address, or one behind an equals sign (``CAMERA=SOURCE``, ``--option=SOURCE``),
            or anything else.

    """
    return Redaction(map(_address_in, arguments)).hide_own(text)


class Redaction:
    """Takes the secrets of some addresses out of any text.

    Args:
        addresses: As for :func:`redact`.

    """

    __slots__ = ("_secrets",)

    def __init__(self, addresses: Iterable[str]) -> None:
        secrets = {secret for address in addresses for secret in _secrets_of(address) if secret}
        self._secrets = [re.compile(_any_spelling(secret)) for secret in secrets]

    def hide_own(self, text: str) -> str:
        """``text`` without the secrets of the addresses, however they are percent-encoded."""
        return _hide(text, self._own(text))

    def hide(self, text: str) -> str:
        """As :meth:`hide_own`, and without the secrets of any other address in ``text``."""
        others = [found.span() for found in _IN_TEXT.finditer(text)]
        return _hide(text, [*self._own(text), *others, *_value_spans(text)])

    def _own(self, text: str) -> list[tuple[int, int]]:
        return [found.span() for secret in self._secrets for found in secret.finditer(text)]


def _address_in(argument: str) -> str:
    name, equals, address = argument.partition("=")
    return address if equals and not re.search("[:/@]", name) else argument


def _hide(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """``text`` with a mark in the place of each span; spans may overlap, empty ones do not count."""
    shown = []
    position = 0
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if start > position or position == 0:
            shown += [text[position:start], HIDDEN]
        position = max(position, end)
    return "".join(shown) + text[position:]


def _user_spans(address: str) -> list[tuple[int, int]]:
    """Where name and password are, and what is given in the place of a port."""
    found = _ADDRESS.search(address)
    start = found.end() if found else 0
    end = address.rfind("@")
    spans = [(start, end)] if end >= start else []
    if found is None:  # a path, or an address without its scheme
        is_path = address.startswith(("/", ".", "~")) or ":" not in address[: max(end, 0)]
        return [] if is_path else spans
    no_port = _NO_PORT.match(address, max(start, end + 1))
    return [*spans, (no_port.end(), len(address))] if no_port else spans


def _value_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the values of keys with a telling name are."""
    position = 0
    while found := _KEY.search(text, position):
        position = found.end()
        if _SECRET_KEY.search(unquote(found[1])):
            value = _VALUE.match(text, position)
            position = value.end() if value else position
            yield found.end(), position


def _secrets_of(address: str) -> Iterator[str]:
    """The parts of an address that are secret on their own, as written there and decoded."""
    raw = [address[start:end] for start, end in _value_spans(address)]
    for start, end in _user_spans(address):
        user = address[start:end]
        # By RFC 3986 the name and password end at an "@" before the first slash: FFmpeg may quote those.
        shorter = re.split("[/?#]", address[start:], maxsplit=1)[0].rpartition("@")[0]
        raw += [user, user.partition(":")[2] or user, shorter.partition(":")[2]]
    for secret in raw:
        yield from (secret, unquote(secret, errors="surrogateescape"), unquote_plus(secret))
        yield from (repr(secret)[1:-1], printable(secret, None))  # in errors of argparse, and in ours


def _any_spelling(secret: str) -> str:
    """A pattern for ``secret`` with any of its characters percent-encoded, once or more often."""
    if len(secret) > _LONG:
        return re.escape(secret)
    pattern = "".join(map(_any_spelling_of_one, secret))
    return pattern if len(secret) >= _SHORT else rf"(?<!\w){pattern}(?!\w)"


def _any_spelling_of_one(character: str) -> str:
    escaped_byte = "\udc80" <= character <= "\udcff"
    octets = character.encode("utf-8", "surrogateescape" if escaped_byte else "surrogatepass")
    encoded = "".join(f"%(?:25)*(?i:{octet:02x})" for octet in octets)
    return f"(?:{encoded}|{re.escape(character)}{'|[+]' if character == ' ' else ''})"

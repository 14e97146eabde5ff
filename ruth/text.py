r"""Text from outside, made fit to be shown: the one rule for every message, table and summary.

File names, titles, ids in records, keys of a configuration and FFmpeg's words are data. None of it may move a
terminal's cursor, forge a line, hide another or fill the screen (docs/specification.md, "Failure rules": no
byte of it reaches a terminal unchecked). JSON has its own escapes (:func:`json.dumps`) and does not pass
through here.

| in the text | is shown as |
|---|---|
| a printable character, by ``str.isprintable()`` | itself |
| a backslash | ``\\``, so that no file name can look like an escape |
| newline, carriage return, tab | ``\n``, ``\r``, ``\t`` |
| a byte that is not UTF-8, as ``os.fsdecode()`` gives it | ``\xE9`` |
| control, bidirectional and invisible characters, line separators, surrogates | ``\u202E``, ``\U000E0001`` |

Except for ``\xE9`` these are TOML's escapes.
"""

from __future__ import annotations

from typing import Final

SHOWN_MAX: Final = 1000
"""Characters that are shown of one piece of text unless the caller says otherwise."""
CUT: Final = "..."
"""The end of what was longer."""
ESCAPED: Final = "\\"
"""For ``keep``: a line whose pieces from outside have been escaped already."""
COMPOSED: Final = ESCAPED + "\n"
"""For ``keep``: the same of one or more lines."""

_SHORT: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BYTES: Final = range(0xDC80, 0xDD00)  # where os.fsdecode() puts bytes from 0x80 on


def printable(text: str, limit: int | None = SHOWN_MAX, *, keep: str = "") -> str:
    """``text`` with everything that is not printable escaped, and cut to ``limit`` characters.

    Args:
        text: What came from outside; any string, also one with surrogates.
        limit: Characters of the result, at least 3; what is longer ends in :data:`CUT`, never inside an
            escape. None for no limit. The work is bounded by it, not by the length of ``text``.
        keep: Characters that stay as they are: :data:`ESCAPED` or :data:`COMPOSED`.

    Returns:
        A string of printable characters and those of ``keep``. Without ``keep`` no two texts within the
        limit give the same.

    """
    if limit is None:
        return "".join(_shown(character, keep) for character in text)
    shown: list[str] = []
    room = limit
    for character in text[: limit + 1]:
        shown.append(_shown(character, keep))
        room -= len(shown[-1])
    if room >= 0:
        return "".join(shown)
    while room < len(CUT):
        room += len(shown.pop())
    return "".join(shown) + CUT


def _shown(character: str, keep: str) -> str:
    if character in keep or (character.isprintable() and character != "\\"):
        return character
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code in _BYTES:
        return f"\\x{code - 0xDC00:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"

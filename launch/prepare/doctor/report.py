"""Findings for a human, and as JSON. Pure: values in, text out."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Final

from launch.prepare.doctor.finding import Level
from launch.screen.colour import GREEN, RED, YELLOW, painted
from ruth.text import ESCAPED, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from launch.prepare.doctor.finding import Finding

_COLOURS: Final = {Level.OK: GREEN, Level.WARN: YELLOW, Level.FAIL: RED}
_LEVEL_WIDTH: Final = max(len(level.value) for level in Level)
_GAP: Final = "  "
_TEXT_WIDTH_MIN: Final = 20


def as_json(findings: Sequence[Finding]) -> str:
    """One array, one object per finding, ended by a newline."""
    objects = [
        {"check": one.check, "level": one.level.value, "text": one.text, "fix": one.fix} for one in findings
    ]
    return json.dumps(objects, indent=2) + "\n"


def as_text(findings: Sequence[Finding], limit: int | None, *, colour: bool = False) -> str:
    """Lines, each ended by a newline: level, check, text; the fix below; and how many of each there are.

    Args:
        findings: What was found.
        limit: Characters a line, None for any number; longer texts go on below their beginning.
        colour: Whether to colour the levels.

    """
    width = max(len(one.check) for one in findings)
    margin = _LEVEL_WIDTH + width + 2 * len(_GAP)
    room = None if limit is None else max(_TEXT_WIDTH_MIN, limit - margin)
    lines = []
    for one in findings:
        level = painted(one.level.value, _COLOURS[one.level] if colour else "")
        margin_text = f"{level}{' ' * (_LEVEL_WIDTH - len(one.level.value))}{_GAP}{one.check:{width}}{_GAP}"
        for part in _wrapped(one, room):
            lines.append(f"{margin_text}{part}".rstrip())
            margin_text = " " * margin
    counts = {level: sum(one.level is level for one in findings) for level in Level}
    verdict = f"{counts[Level.OK]} ok, {_warnings(counts[Level.WARN])}, {_verdict(counts[Level.FAIL])}"
    lines += ["", *([verdict] if limit is None else textwrap.wrap(verdict, max(_TEXT_WIDTH_MIN, limit)))]
    return "".join(f"{line}\n" for line in lines)


def _warnings(count: int) -> str:
    return f"{count} warning{'' if count == 1 else 's'}"


def _verdict(failures: int) -> str:
    return f"{failures} that would stop `ruth up`" if failures else "nothing that would stop `ruth up`"


def _wrapped(finding: Finding, room: int | None) -> Iterator[str]:
    """A text, then its fix, in lines that fit; words are cut only if they are longer than a line.

    Paths are in both as they are; here, where they become lines, what is not printable is escaped.
    """
    for raw in (finding.text, f"fix: {finding.fix}" if finding.fix else ""):
        text = printable(raw, None, keep=ESCAPED)
        if room is None:
            yield from [text] if text else []
        else:
            yield from textwrap.wrap(text, room, break_on_hyphens=False)

from __future__ import annotations

import json

import pytest

from launch.prepare.doctor.finding import Finding, Level
from launch.prepare.doctor.report import as_json, as_text

FINDINGS = [
    Finding("machine", Level.OK, "x86_64"),
    Finding(
        "user", Level.WARN, "exports belong to uid 0 and agents run as uid 0", "sudo -u ruth ruth up CONFIG"
    ),
    Finding("shared memory", Level.FAIL, "none", "mount"),
]


def test_lines() -> None:
    """Level, check and text stand below each other, the fix below the text, and a sum at the end."""
    assert as_text(FINDINGS, None).splitlines() == [
        "ok    machine        x86_64",
        "warn  user           exports belong to uid 0 and agents run as uid 0",
        "                     fix: sudo -u ruth ruth up CONFIG",
        "fail  shared memory  none",
        "                     fix: mount",
        "",
        "1 ok, 1 warning, 1 that would stop `ruth up`",
    ]


def test_a_good_end() -> None:
    """Without a failure the last line says that nothing is in the way."""
    assert as_text(FINDINGS[:1], None).endswith("1 ok, 0 warnings, nothing that would stop `ruth up`\n")


@pytest.mark.parametrize("limit", [45, 60, 80, 120])
def test_lines_fit(limit: int) -> None:
    """Long texts go on below their beginning; nothing is lost and no line is too long."""
    lines = as_text(FINDINGS, limit).splitlines()
    assert max(map(len, lines)) <= limit
    words = " ".join(line[21:].strip() for line in lines[: lines.index("")]).split()
    assert words == " ".join(f"{one.text} {f'fix: {one.fix}' if one.fix else ''}" for one in FINDINGS).split()


def test_colours() -> None:
    """With colours only the level has one, and columns stand where they stand without."""
    plain = as_text(FINDINGS, 80)
    coloured = as_text(FINDINGS, 80, colour=True)
    assert "\x1b" not in plain
    assert "\x1b[33mwarn\x1b[0m  user           exports" in coloured
    for code in ("\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == plain


def test_json() -> None:
    """One array, one object per finding, and null where there is nothing to repair."""
    found = json.loads(as_json(FINDINGS))
    assert [list(one) for one in found] == [["check", "level", "text", "fix"]] * 3
    assert [one["level"] for one in found] == ["ok", "warn", "fail"]
    assert found[0]["fix"] is None

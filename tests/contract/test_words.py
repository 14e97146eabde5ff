"""What was said in words of this project's own is said in the terms of the field, and stays so."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from typing import TYPE_CHECKING

import pytest

from conftest import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What is not to be found, and what is said instead.
WORDS = {
    r"\b(?:SPEC|DESIGN|FAULTS|LAYOUT|WORDS)\.md\b": "docs/specification.md, docs/goals.md, docs/faults.md",
    r"\b[Nn]ursery\b": "AgentForker",
    r"\b_?let_go\b|\bLET_GO\b|\b[Ll]ets? go of\b": "release, close, unbind",
    r"\b(?:is|was|are|were|has|have|be) let go\b": "is released",
    r"\b(?:[Nn]o|[Ss]ome|[Aa]ny|[Ee]very)body\b|\b[Ww]hoever\b": "no process, the caller, a user",
    r"\bLOOK_NS\b|_look_anew|\blook_after\b": "POLL_NS, rebind, poll_interval",
    r"\bwrite_at_once\b": "write_nonblocking",
    r"\btake_over_data\b|\bhand_over\b": "adopt, release",
    r"\b(?:is|are) no (?:id|camera id|model id|regular file)\b": "is not a valid id, is not a regular file",
    r"\ball told\b|\bat the most\b|\bunwoken\b|\ba hair early\b|\banew\b": "in total, at most, again",
    r"\bkeeps? the books\b|\bits books\b|\bbook_allowed\b": "updates the counters",
    r"\b(?:mends?|mended|mending|cures?)\b": "fix, repair",
    r"\bparked\b": "inactive",
    r"\b(?:one|a) (?:process|line|page|row|column) an? (?:camera|agent|frame|model|verb)\b": "per camera",
    r"\b[Oo]ne an? (?:camera|row|column|line)\b": "one per camera",
    r"\bexports? met\b|\bhas met so far\b": "sessions seen",
    r"\b[Ww]hat(?:ever)? stands (?:there|at)\b": "what is there",
    r"\d to look at\b": "1 warning",
    r"\b_give_back\b|\b_obey\b": "_restore, _handle_key",
}
# Where one of them may be, and why.
ALLOWED = {
    "tests/contract/test_words.py": "the list itself",
    "launch/prepare/doctor/gather_limits.py": "nobody, the user of that name",
    "tests/contract/test_commands.py": "a camera called nobody",
    "tests/isolation/test_hostile_text.py": "a model called nobody",
    "tests/unit/launch/prepare/config/test_plan.py": "a camera called nobody",
}
TEXT = {".py", ".c", ".h", ".md", ".toml", ".svg", ".yaml", ".service", ".conf", ".sh", ""}


@cache
def texts() -> dict[str, str]:
    """Every file of text that is tracked, by its name, in one line each."""
    return {
        str(path.relative_to(PROJECT)): joined(path.read_text(encoding="utf-8", errors="replace"))
        for path in files()
    }


def files() -> Iterator[Path]:
    """Every file of text that is tracked."""
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        path = PROJECT / name
        if path.suffix in TEXT and path.is_file():
            yield path


def joined(text: str) -> str:
    """A text in one line, so that a word is found also where a line ends within it."""
    return re.sub(r"\s*\n[ \t]*(?:# |\* )?", " ", text)


def found(pattern: str, text: str) -> list[str]:
    """Each place of a word in a joined text."""
    return [match[0] for match in re.finditer(pattern, text)]


@pytest.mark.skipif(
    not (PROJECT / ".git").exists(), reason="without Git the files of the project are unknown"
)
@pytest.mark.parametrize("pattern", WORDS)
def test_the_field_has_a_word_for_it(pattern: str) -> None:
    """No code, page, help or message says it in the old words."""
    places = {
        name: words
        for name, text in texts().items()
        if name not in ALLOWED and (words := found(pattern, text))
    }
    assert places == {}, f"say: {WORDS[pattern]}"


def test_an_old_word_would_be_found() -> None:
    """The search finds a word wherever it is in a line, and one that is wrapped."""
    assert found(r"\bat the most\b", joined("# five at the\n    # most")) == ["at the most"]
    assert found(r"\bat the most\b", "at the mosts") == []


def test_exceptions_are_needed() -> None:
    """Each file that may use one of the words does."""
    for name in ALLOWED:
        text = (PROJECT / name).read_text(encoding="utf-8")
        assert any(found(pattern, text) for pattern in WORDS), name

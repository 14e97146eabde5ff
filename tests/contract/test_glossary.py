"""docs/glossary.md has each word that outputs count frames by, once, in order."""

from __future__ import annotations

import re

from conftest import PROJECT
from launch.observe.agent_view import AgentView, ModelView
from launch.observe.top.rates import Row
from ruth.runtime.cursor import CameraFrames

# What Ruth counts frames by, wherever it shows a number of them.
COUNTERS = {"allowed", "skipped", "missed", "observed", "received", "lost", "dropped"}

PAGE = (PROJECT / "docs" / "glossary.md").read_text(encoding="utf-8")
WORDS = re.findall(r"^\| (?!word |---)([^|]+) \| ", PAGE, re.MULTILINE)


def test_words_are_in_order() -> None:
    """Words are in alphabetical order, so that one finds them, and each is there once."""
    assert [word.lower() for word in WORDS] == sorted({word.lower() for word in WORDS})


def test_what_is_counted_has_a_word() -> None:
    """Every word that frames are counted by, in JSON or on a stream, is explained."""
    fields = {*AgentView.__slots__, *ModelView.__slots__, *Row.__slots__, *CameraFrames.__slots__}
    assert (fields & COUNTERS) == COUNTERS - {"observed"}  # its number is called `frames`
    explained = {part for word in WORDS for part in word.split(", ")}
    assert explained >= COUNTERS

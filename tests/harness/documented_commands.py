"""The commands that pages show, for tests: found in the text, and made such that they can be run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from conftest import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

# For people who install and run Ruth. Pages for people who build it are not among them.
PAGES: Final = [
    PROJECT / "README.md",
    PROJECT / "docs" / "operations.md",
    PROJECT / "docs" / "gate.md",
    PROJECT / "docs" / "runtimes.md",
    *sorted((PROJECT / "docs" / "commands").glob("*.md")),
]

_PROGRAMS = (
    "cp|docker|journalctl|kill|ln|mount|pgrep|pip|pipx|ps|python3?|ruth|run|source|sudo|systemctl|useradd"
)
# Variables that are set for it, a path, one of the programs; then what it is given, or nothing.
_COMMAND = re.compile(rf"(?:[A-Z_]+=\S+ )*(?:\S*/)?(?:{_PROGRAMS})(?: \S.*)?")

# What a page writes for something of the reader's, and what it is in a test.
PLACEHOLDERS: Final = {
    "CAMERA=SOURCE": "front-door=test",
    "CAMERA": "front-door",
    "CAMERAS": "100",
    "CONFIG": "ruth.toml",
    "COUNT": "1",
    "DIR": "recordings",
    "F": "25",
    "F.png": "frame.png",
    "FILE": "frame.png",
    "FILE.toml": "sources.toml",
    "M": "person",
    "MS": "5",
    "N": "2",
    "S": "1",
    "SHELL": "bash",
    "SIZE": "64G",
    "SRC": "test",
    "VERB": "up",
    "WxH": "640x360",
}


def commands_in(text: str) -> Iterator[str]:
    """Each command that a page shows, as it is there, without the comment behind it.

    A line of a block of code is one if it begins with a program that pages name; so is code within a sentence
    that has more than one word: ``ruth ps`` alone names the verb, as a path alone names a file.
    """
    sentences = []
    language = None
    for line in text.splitlines():
        if line.startswith("```"):
            language = line.removeprefix("```") if language is None else None
        elif language == "" or (language is None and line.startswith("    ")):
            command = re.split(r" +# ", line.strip())[0]
            if _COMMAND.fullmatch(command):
                yield command
        elif language is None:
            sentences.append(line)
    for code in re.findall(r"`([^`]+)`", "\n".join(sentences)):
        command = " ".join(code.split())
        if _COMMAND.fullmatch(command) and not re.fullmatch(r"\S+|ruth [a-z]+", command):
            yield command


def forms_of(command: str) -> list[str]:
    """What one would type for a command: what it may leave out left out, and all of it said."""
    least = re.sub(r" \[[^]]*\](?:\.\.\.)?", "", command)
    most = re.sub(r"\[([^]]*)\](?:\.\.\.)?", r"\1", command)
    return sorted({" ".join(map(_typed, form.split())) for form in (least, most)})


def _typed(word: str) -> str:
    word = word.removesuffix("...")
    if re.fullmatch(r"[\w.-]+(\|[\w.-]+)+", word):
        word = word.split("|")[0]
    return PLACEHOLDERS.get(word, word)

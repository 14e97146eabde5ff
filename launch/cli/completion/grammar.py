"""What each verb takes, as its own parser says: options, arguments, and what may be in them."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Final, NamedTuple

from launch.cli.verbs import VERB_NAMES, VERBS

CAMERAS: Final = "cameras"
FILES: Final = "files"
CAMERAS_OR_FILES: Final = "either"
FOLDERS: Final = "folders"
SOURCES: Final = "sources"
WORDS: Final = "words"
ANYTHING: Final = "anything"

# What a value is, by its name in the help. A new name is to be added here; a test asks for it.
KINDS: Final = {
    "CAMERA": CAMERAS,
    "CONFIG": FILES,
    "FILE": FILES,
    "DIR": FOLDERS,
    "SRC": FILES,
    "CAMERA=SOURCE": SOURCES,
    "M": ANYTHING,
    "F": ANYTHING,
    "MS": ANYTHING,
    "WxH": ANYTHING,
    "CAMERAS": ANYTHING,
    "SIZE": ANYTHING,
    "N": ANYTHING,
    "S": ANYTHING,
    "COUNT": ANYTHING,
}


class Value(NamedTuple):
    """What is behind an option, or for itself.

    Attributes:
        name: As the help calls it.
        kind: One of the names above.
        words: If the kind is ``words``: those that are allowed.

    """

    name: str
    kind: str
    words: tuple[str, ...] = ()


class Option(NamedTuple):
    """One option.

    Attributes:
        names: Each begins with ``-``.
        text: Its help.
        value: What it takes; None for nothing.
        repeats: Whether it may be given more than once.

    """

    names: tuple[str, ...]
    text: str
    value: Value | None
    repeats: bool


class Positional(NamedTuple):
    """One argument that is not an option; the last one of a verb may be given any number of times."""

    value: Value
    repeats: bool


class VerbGrammar(NamedTuple):
    """One verb; ``--help`` is among its options."""

    name: str
    text: str
    options: tuple[Option, ...]
    positionals: tuple[Positional, ...]


def grammar() -> tuple[VerbGrammar, ...]:
    """All verbs, in the order of the help."""
    return tuple(verb_grammar(verb.name, verb.text) for verb in VERBS)


def verb_grammar(name: str, text: str) -> VerbGrammar:
    """What the parser of one verb says."""
    parser = argparse.ArgumentParser(prog=f"ruth {name}")
    import_module(f"launch.cli.commands.{name}").add_options(parser)
    options, positionals = [], []
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to tell what it was given
        value = None if action.nargs == 0 else _value(action)
        if action.option_strings:
            repeats = isinstance(action, argparse._AppendAction)  # noqa: SLF001 - as above
            options.append(Option(tuple(action.option_strings), action.help or "", value, repeats))
        elif value is not None:
            positionals.append(Positional(value, repeats=action.nargs in ("*", "+")))
    return VerbGrammar(name, text, tuple(options), tuple(positionals))


def _value(action: argparse.Action) -> Value:
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.choices is not None:
        return Value(name, WORDS, tuple(str(choice) for choice in action.choices))
    if name == "VERB":  # not choices: an unknown one is answered with the nearest
        return Value(name, WORDS, VERB_NAMES)
    if action.dest == "cameras_or_config":
        return Value(name, CAMERAS_OR_FILES)
    return Value(name, KINDS.get(name, ANYTHING))

"""The verbs of ``ruth``, and the line of its help about each. The verbs: :mod:`launch.cli.commands`."""

from __future__ import annotations

from typing import Final, NamedTuple


class Verb(NamedTuple):
    """A verb, and the line of ``ruth --help`` about it."""

    name: str
    text: str


VERBS: Final = (
    Verb("demo", "see it work: real video, agents, one of them killed"),
    Verb("up", "launch the agents that are not alive yet"),
    Verb("apply", "end and launch the cameras that differ from a changed file"),
    Verb("down", "end live agents (SIGTERM), all or some"),
    Verb("agent", "run one agent in the foreground, tracebacks visible"),
    Verb("check", "validate a configuration: every error at once"),
    Verb("plan", "what rates, memory and hosts a configuration will need"),
    Verb("ps", "the per-camera processes, once"),
    Verb("top", "the per-camera processes, live"),
    Verb("inspect", "everything about one camera"),
    Verb("follow", "the decisions of an agent as it takes them"),
    Verb("peek", "the newest frame of a camera: in the terminal, or a PNG"),
    Verb("doctor", "is this host fit for its cameras, and how to fix it"),
    Verb("vas", "the stand-in video server: decode, record, export"),
    Verb("help", "what a verb does and takes: the same as VERB --help"),
    Verb("completion", "a script for bash or zsh that completes what you type"),
)

VERB_NAMES: Final = tuple(verb.name for verb in VERBS)

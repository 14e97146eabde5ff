"""A real shell on a terminal of its own, in tests: what it makes of a line when Tab is pressed."""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.terminals import terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conftest import Processes
    from harness.terminals import OnTerminal

SHELLS = [name for name in ("bash", "zsh") if shutil.which(name)]
_PROMPT = "READY> "
_SHOW = "\x18\x07"  # Ctrl-X Ctrl-G, bound to a function that shows the line and clears it
_SETUP = {
    "bash": r"""
bind 'set show-all-if-ambiguous on'; bind 'set bell-style none'; bind 'set page-completions off'
bind 'set enable-bracketed-paste off'; bind 'set completion-query-items 0'
show() { echo "[$READLINE_LINE]"; READLINE_LINE=; READLINE_POINT=0; }; bind -x '"\C-x\C-g": show'
source <(ruth completion bash)
""",
    "zsh": r"""
autoload -Uz compinit; compinit -D -u; unsetopt beep list_ambiguous; LISTMAX=10000
show() { zle -I; print -r -- "[$BUFFER]"; BUFFER= }; zle -N show; bindkey '^X^G' show
source <(ruth completion zsh)
""",
}


class Completed(NamedTuple):
    """What Tab made of a line.

    Attributes:
        line: The line as it then was.
        offered: All words that the shell showed beside it.

    """

    line: str
    offered: list[str]


class Shell:
    """An interactive shell with Ruth's completion."""

    def __init__(self, on: OnTerminal) -> None:
        self._terminal = on

    def complete(self, line: str) -> Completed:
        """Types ``line`` and Tab, looks, and clears the line."""
        self._terminal.press(f"{line}\t{_SHOW}".encode())
        shown = self._terminal.answer(rf"\[{re.escape(line.split(maxsplit=1)[0])}[^\]]*\]\r\n.*{_PROMPT}")
        offered, _, found = shown.rpartition("]\r\n")[0].rpartition("[")
        return Completed(found, offered.split())

    def run(self, commands: str) -> None:
        """Runs commands, line by line."""
        for command in commands.strip().splitlines():
            self._terminal.press(f"{command}; echo do''ne\n".encode())
            self._terminal.answer(r"done\r\n.*" + re.escape(_PROMPT))


@contextlib.contextmanager
def shell(processes: Processes, name: str, folder: Path, environ: Mapping[str, str]) -> Iterator[Shell]:
    """``bash`` or ``zsh``, without any user settings, in ``folder``."""
    options = ["--norc", "--noprofile", "-i"] if name == "bash" else ["-f", "-i"]
    kept = {
        key: value for key, value in environ.items() if key not in ("INPUTRC", "HISTFILE", "PROMPT_COMMAND")
    }
    path = f"{Path(sys.executable).parent}:{environ['PATH']}"
    env = {**kept, "PATH": path, "PS1": _PROMPT, "TERM": "dumb", "HOME": str(folder)}
    with terminal(processes, name, *options, env=env, columns=200, lines=200, cwd=folder) as on:
        started = Shell(on)
        if name == "zsh":
            started.run(f"PS1='{_PROMPT}'")
        started.run(_SETUP[name])
        yield started

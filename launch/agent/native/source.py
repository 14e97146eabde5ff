"""What is compiled: C files, and before them the structs, rules and constants that they need.

Each of those exists once, where it is explained in Python.
"""

from __future__ import annotations

import os
import re
import sys
import zlib
from typing import TYPE_CHECKING, Final

from launch.agent import inotify, loop, notice, waiting
from launch.agent.native import rules, structs
from ruth import identity
from ruth.agent import proc_stat, state, state_writer
from ruth.export import files, layout
from ruth.subscription.gate import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_HERE: Final = os.path.dirname(os.path.abspath(__file__))
BASE: Final = os.path.join(_HERE, "base.c")
SOURCES: Final = tuple(
    os.path.join(_HERE, name) for name in ("agent.c", "export.c", "wait.c", "loop.c", "end.c", "start.c")
)
LIBRARY: Final = os.path.join(_HERE, "native.so")

# -P: of a working directory that holds another Ruth, nothing is imported.
COMMAND: Final = f"{sys.executable} -P -m launch.agent.native"

# Every constant of these modules is one in C, behind this and an underscore.
_MODULES: Final = {
    "EXPORT": layout,
    "FILES": files,
    "IDENTITY": identity,
    "LOOP": loop,
    "NOTICE": notice,
    "STAT": proc_stat,
    "STATE": state,
    "WAITING": waiting,
    "WATCH": inotify,
    "WRITER": state_writer,
}
_OPEN_FLAGS: Final = ("O_NONBLOCK", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC")
_CONSTANT: Final = re.compile(r"[A-Z][A-Z0-9_]*")


def constants() -> Iterator[tuple[str, str]]:
    """All of them: the name in C, and the value."""
    for prefix, module in _MODULES.items():
        yield from _constants_of(prefix, module)
    for decision in Decision:
        yield f"DECISION_{decision.name}", f"{decision.value}u"


def _constants_of(prefix: str, module: ModuleType) -> Iterator[tuple[str, str]]:
    for name, value in vars(module).items():
        if not _CONSTANT.fullmatch(name):
            continue
        if module is files:
            yield f"{prefix}_{name}", _flags(value)
        elif isinstance(value, int):
            yield f"{prefix}_{name}", str(value) if value < 2**31 else f"{value}u"
        elif isinstance(value, str):
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            yield f"{prefix}_{name}", f'"{escaped}"'


def _flags(value: int) -> str:
    """Flags of open(2) by their names: numbers are each machine's own, and wheels are compiled elsewhere."""
    names = [name for name in _OPEN_FLAGS if value & getattr(os, name)]
    if sum(getattr(os, name) for name in names) != value:
        raise ValueError(f"{value:#o} has flags beside {', '.join(_OPEN_FLAGS)}")
    return f"({' | '.join(['O_RDONLY', *names])})"


def whole_source() -> bytes:
    """All that is compiled. Raises OSError if a file cannot be read."""
    defined = "".join(f"#define {name} {value}\n" for name, value in constants())
    generated = f'#line 1 "generated"\n{structs.definitions()}{rules.definitions()}'
    return b"".join((defined.encode(), _content(BASE), generated.encode(), *map(_content, SOURCES)))


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return f'#line 1 "{os.path.basename(path)}"\n'.encode() + file.read()


def signature_of(source: bytes) -> int:
    """By what a library says that it was compiled from ``source``: 32 bits."""
    return zlib.crc32(source)

"""What libruth is compiled from, as one text in C: the files of this folder and what they need.

Each constant and rule exists once, where it is explained in Python.
"""

from __future__ import annotations

import os
import re
import zlib
from typing import TYPE_CHECKING, Final

from ruth import identity
from ruth.agent import state
from ruth.export import layout, picture
from ruth.native import rules
from ruth.vas import files, flag

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

HERE: Final = os.path.dirname(os.path.abspath(__file__))
INCLUDE: Final = os.path.join(HERE, "include")
LIBRARY: Final = os.path.join(HERE, "libruth.so")
HEADERS: Final = ("ruth.h", "ruth_layout.h", "ruth_ring.h")
SOURCES: Final = ("ring.c", "exporter.c", "stream.c")

POLL_NS: Final = 980_000_000
"""How long one wait of a stream lasts at most: as of :mod:`ruth.runtime.stream`, which loads numpy."""

# Every constant of these modules is one in C, behind this and an underscore.
_MODULES: Final = {
    "EXPORT": layout,
    "FILES": files,
    "FLAG": flag,
    "IDENTITY": identity,
    "PICTURE": picture,
    "STATE": state,
}
_CONSTANT: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_OWN_INCLUDE: Final = re.compile(r'^#include "ruth\w*\.h"\n', re.MULTILINE)


def whole_source() -> str:
    """All of it. Raises OSError if a file cannot be read."""
    parts = ["#ifndef _GNU_SOURCE\n#define _GNU_SOURCE\n#endif\n"]
    parts += [_content(os.path.join(INCLUDE, name)) for name in HEADERS]
    parts += [f"#define {name} {value}\n" for name, value in constants()]
    parts += [_content(os.path.join(HERE, "base.c")), '#line 1 "generated"\n', rules.definitions()]
    parts += [_content(os.path.join(HERE, name)) for name in SOURCES]
    return "".join(parts)


def constants() -> Iterator[tuple[str, str]]:
    """All of them: the name in C, and the value."""
    for prefix, module in _MODULES.items():
        yield from _constants_of(prefix, module)
    yield "FLAG_ON_VALUES", ", ".join(f'"{value}"' for value in sorted(flag.ON_VALUES))
    yield "POLL_NS", f"{POLL_NS}u"


def _constants_of(prefix: str, module: ModuleType) -> Iterator[tuple[str, str]]:
    for name, value in vars(module).items():
        if not _CONSTANT.fullmatch(name):
            continue
        if type(value) is int and value >= 0:
            yield f"{prefix}_{name}", str(value) if value < 2**31 else f"{value}u"
        elif isinstance(value, str) and '"' not in value and "\\" not in value:
            yield f"{prefix}_{name}", f'"{value}"'


def _content(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        text = _OWN_INCLUDE.sub("\n", file.read())  # a line for a line: messages keep their numbers
    return f'#line 1 "{os.path.basename(path)}"\n{text}'


def signature_of(source: bytes) -> int:
    """By what a library says that it was compiled from ``source``: 32 bits."""
    return zlib.crc32(source)

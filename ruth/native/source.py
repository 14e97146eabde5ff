"""What libruth is compiled from, as one text in C: the files of this folder and what they need."""

from __future__ import annotations

import os
import re
import zlib
from typing import Final

HERE: Final = os.path.dirname(os.path.abspath(__file__))
INCLUDE: Final = os.path.join(HERE, "include")
LIBRARY: Final = os.path.join(HERE, "libruth.so")
HEADERS: Final = ("ruth_layout.h", "ruth_ring.h")
SOURCES: Final = ("ring.c",)

_OWN_INCLUDE: Final = re.compile(r'^#include "ruth\w*\.h"\n', re.MULTILINE)


def whole_source() -> str:
    """All of it. Raises OSError if a file cannot be read."""
    headers = (os.path.join(INCLUDE, name) for name in HEADERS)
    sources = (os.path.join(HERE, name) for name in SOURCES)
    parts = ["#define _GNU_SOURCE 1\n", *map(_content, headers), *map(_content, sources)]
    return "".join(parts)


def _content(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        text = _OWN_INCLUDE.sub("\n", file.read())  # a line for a line: messages keep their numbers
    return f'#line 1 "{os.path.basename(path)}"\n{text}'


def signature_of(source: bytes) -> int:
    """By what a library says that it was compiled from ``source``: 32 bits."""
    return zlib.crc32(source)

"""Compiles the steady loop where there is a C compiler. Agents run without it as well, at a higher cost."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from typing import Final

from launch.steady.source import LIBRARY, signature_of, whole_source

COMPILERS: Final = ("cc", "gcc", "clang")
OPTIONS: Final = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared")


def compiler() -> str | None:
    """The C compiler: what ``CC`` names, else the first of :data:`COMPILERS` that is on PATH."""
    named = os.environ.get("CC")
    return shutil.which(named) if named else next(filter(None, map(shutil.which, COMPILERS)), None)


def build(library: str = LIBRARY) -> str | None:
    """Compiles ``loop.c`` into ``library``.

    Returns:
        Why it could not be compiled; None if it was.

    """
    try:
        source = whole_source()
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    return compile_library(source, library, f"-DSIGNATURE={signature_of(source)}u")


def compile_library(source: bytes, library: str, *options: str) -> str | None:
    """Compiles C into a shared library, which is replaced whole or stays as it was.

    Args:
        source: In C.
        library: Path of the library.
        options: For the compiler, beside :data:`OPTIONS`.

    Returns:
        Why it could not be compiled; None if it was.

    """
    command = compiler()
    if command is None:
        return "there is no C compiler (apt install gcc libc6-dev)"
    try:
        with tempfile.TemporaryDirectory(dir=os.path.dirname(library), prefix=".compiled-") as folder:
            made = os.path.join(folder, "library.so")
            done = subprocess.run(
                [command, *OPTIONS, *options, "-x", "c", "-", "-o", made],
                input=source,
                capture_output=True,
                check=False,
            )
            if done.returncode != 0:
                return f"{command} failed: {done.stderr.decode().strip()}"
            os.replace(made, library)
    except OSError as error:
        return f"{library}: {error.strerror}"
    return None

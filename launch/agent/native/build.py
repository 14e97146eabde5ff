"""Compiles what agents do in C, and libruth, where there is a compiler.

Agents run without it as well, at a higher cost.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from typing import Final

from launch.agent.native.source import LIBRARY, signature_of, whole_source
from ruth.native import source as libruth

COMPILERS: Final = ("cc", "gcc", "clang")
OPTIONS: Final = ("-std=gnu11", "-O2", "-fPIC", "-shared")


def compiler() -> list[str]:
    """The C compiler's command: what ``CC`` says, else the first of :data:`COMPILERS` on PATH; or none."""
    named = shlex.split(os.environ.get("CC", ""))
    return named or [found for found in map(shutil.which, COMPILERS) if found is not None][:1]


def build(library: str = LIBRARY, *options: str) -> str | None:
    """Compiles it into ``library``.

    Args:
        library: Path of the library.
        options: For the compiler, beside :data:`OPTIONS`.

    Returns:
        Why it could not be compiled; None if it was.

    """
    try:
        source = whole_source()
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    return compile_library(source, library, f"-DSIGNATURE={signature_of(source)}u", *options)


def build_libruth(library: str = libruth.LIBRARY, *options: str) -> str | None:
    """Compiles the C library of :mod:`ruth.native`. Arguments and result as of :func:`build`."""
    try:
        source = libruth.whole_source().encode()
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    named = (
        "-fvisibility=hidden",
        "-Wl,-soname,libruth.so",
        f"-DRUTH_SIGNATURE={libruth.signature_of(source)}u",
    )
    return compile_library(source, library, *named, *options)


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
    if not command:
        return "there is no C compiler (apt install gcc libc6-dev)"
    try:
        with tempfile.TemporaryDirectory(dir=os.path.dirname(library), prefix=".compiled-") as folder:
            made = os.path.join(folder, "library.so")
            done = subprocess.run(
                [*command, *OPTIONS, *options, "-x", "c", "-", "-o", made],
                input=source,
                capture_output=True,
                check=False,
            )
            if done.returncode != 0:
                return f"{shlex.join(command)} failed: {done.stderr.decode(errors='replace').strip()}"
            os.replace(made, library)
    except OSError as error:
        where = error.filename if error.filename == command[0] else library
        return f"{where}: {error.strerror}"
    return None

"""Sources from a file, so that passwords stand in no command line and no shell's history.

    # sources.toml, mode 0600
    front-door = "rtsp://admin:S3cret@10.0.0.7/main"
    yard       = "clip.mp4"

A file is refused that others may read or change, or that belongs to neither this user nor root. No problem
quotes a source or a line of the file.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import tomllib
from functools import partial
from typing import Final

from launch.prepare.config.lines import line_of_unreadable, lines_of
from launch.prepare.config.problem import kind, show_key
from launch.screen.redaction import redact
from launch.text_file import TextFileError, name_of, read_named_text
from launch.vas.source import GivenSource, SourceError
from ruth.text import printable

_OTHERS: Final = stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH
_POSITION: Final = re.compile(r"\(at line (\d+), column \d+\)\Z")
_ALLOWED: Final = 'allowed: CAMERA = "SOURCE"'


def read_sources(path: str) -> list[GivenSource]:
    """The sources in the file at ``path``, in its order, or on standard input, if that is ``-``.

    Raises:
        SourceError: The file cannot be read, may be read by others, or is not TOML.

    """
    name = name_of(path)
    try:
        text = read_named_text(path, partial(_refuse_shared, path))
    except TextFileError as error:
        raise SourceError((f"{name}: {error}",)) from None
    return parse_sources_text(text.removeprefix("\ufeff"), name)


def parse_sources_text(text: str, name: str) -> list[GivenSource]:
    """As :func:`read_sources`, for the content of a file that messages call ``name``.

    Raises:
        SourceError: It is not TOML.

    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # Of tomllib's words only the line: others can quote the file.
        line = line_of_unreadable(text)
        reason = "a key that is there already" if line is None else "not TOML, or a value without an end"
        if line is None and (position := _POSITION.search(str(error))) is not None:
            line = int(position[1])
        where = name if line is None else f"{name}:{line}"
        raise SourceError((f"{where}: {reason}; {_ALLOWED}",)) from None
    lines = lines_of(text, [(key,) for key in document])
    given = []
    for key, value in document.items():
        line = lines.get((key,))
        place = f"{name if line is None else f'{name}:{line}'}: {show_key([redact(key)])}"
        is_source = isinstance(value, str)
        problem = "" if is_source else f"{kind(value)}; {_ALLOWED}"
        given.append(GivenSource(place, key, value if is_source else "", problem))
    return given


def _refuse_shared(path: str, status: os.stat_result) -> None:
    """Refuses a file that other users may read or change."""
    file = shlex.quote(printable(path))
    if status.st_uid not in (os.geteuid(), 0):
        raise TextFileError(
            f"belongs to user {status.st_uid}, not to you or root: chown {os.geteuid()} {file}"
        )
    if status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise TextFileError(f"others may read or change it (mode {mode:04o}): chmod 600 {file}")

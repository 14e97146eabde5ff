"""``python -m ruth.native``: how to compile and link with libruth.

    cc program.c $(python -m ruth.native --cflags --libs)

Exit codes: 0 ok, 1 the library is not compiled here, 2 wrong usage.
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import Final

from ruth.native.header import layout_header
from ruth.native.source import HERE, INCLUDE, LIBRARY, whole_source

EXIT_OK: Final = 0
EXIT_FAILURE: Final = 1
EXIT_USAGE: Final = 2
USAGE: Final = """\
usage: python -m ruth.native [--cflags] [--libs]
       python -m ruth.native --source | --layout

  --cflags  the compiler's options that find ruth.h
  --libs    the linker's options that find libruth.so, also when the program runs
  --source  libruth as one file in C, to be compiled into a program: cc program.c ruth.c
  --layout  ruth_layout.h, as it is checked in
"""


def main(arguments: list[str]) -> int:
    """Prints what was asked for."""
    if arguments in (["--source"], ["--layout"]):
        sys.stdout.write(whole_source() if arguments == ["--source"] else layout_header())
        return EXIT_OK
    if not arguments or not set(arguments) <= {"--cflags", "--libs"}:
        asked_for_help = arguments in (["--help"], ["-h"])
        (sys.stdout if asked_for_help else sys.stderr).write(USAGE)
        return EXIT_OK if asked_for_help else EXIT_USAGE
    options: list[str] = []
    if "--cflags" in arguments:
        options.append(f"-I{INCLUDE}")
    if "--libs" in arguments:
        if not os.path.isfile(LIBRARY):
            sys.stderr.write(
                f"ruth: {LIBRARY} is not there: Ruth was installed without a C compiler. "
                "`python -m ruth.native --source` gives what a program can be compiled with\n"
            )
            return EXIT_FAILURE
        options += [f"-L{HERE}", f"-Wl,-rpath,{HERE}", "-lruth"]
    sys.stdout.write(shlex.join(options) + "\n")
    return EXIT_OK


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

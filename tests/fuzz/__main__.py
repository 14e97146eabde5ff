"""Coverage-guided fuzzing of one target, until a time is up or something is found.

    cd tests && ../.venv/bin/python -m fuzz TARGET DIRECTORY [OPTION...]

``DIRECTORY`` is an empty one on a tmpfs, for the target's files and for what was found; options are those of
libFuzzer (``-max_total_time=600``, ``-jobs=2``). Needs the extra ``fuzz``: atheris.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ruth", "launch"]):
    from fuzz.targets import TARGETS


def main(arguments: list[str]) -> None:
    """Fuzzes until libFuzzer ends the process: with 0 when the time is up, else with another code."""
    name, directory = arguments[0], Path(arguments[1])
    target = TARGETS[name]
    corpus, files = directory / "corpus", directory / "files"
    for path in (corpus, files):
        path.mkdir()
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = directory / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
    options = [f"-artifact_prefix={directory}/", f"-dict={words}", "-timeout=10", *arguments[2:]]
    atheris.Setup(["fuzz", str(corpus), *options], target.make(files))
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    """As a dictionary of libFuzzer's has it."""
    return "".join(f"\\x{byte:02x}" for byte in word)


main(sys.argv[1:])

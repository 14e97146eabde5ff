"""Ruth as others install it, in tests: a wheel built from this checkout, in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from conftest import PROJECT

DEPENDENCIES = ("numpy", "psutil")


class Installation(NamedTuple):
    """A wheel, and the empty environment that it was installed into."""

    wheel: Path
    prefix: Path

    @property
    def ruth(self) -> Path:
        """The command."""
        return self.prefix / "bin" / "ruth"

    @property
    def packages(self) -> Path:
        """Where its modules are."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.prefix / "lib" / version / "site-packages"


def installation_in(folder: Path) -> Installation:
    """What :func:`install` has made below ``folder``."""
    (wheel,) = (folder / "dist").glob("*.whl")
    return Installation(wheel, folder / "environment")


def install(folder: Path) -> None:
    """Builds the wheel and installs it below ``folder``, without asking an index for anything.

    Its dependencies are links to those of this environment, and nothing else of this environment is there.
    """
    # Built from what is there, not from what is committed, with the hatchling of the extra `test`.
    call(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist", folder=PROJECT)
    installation = installation_in(folder)
    venv.create(installation.prefix, symlinks=True)
    # An environment may have been made without pip: launch/ruth.
    pip = sys.executable if find_spec("pip") else str(getattr(sys, "_base_executable", sys.executable))
    target = installation.prefix / "bin" / "python"
    call(pip, "-m", "pip", "--python", target, "install", "-q", "--no-deps", "--no-index", installation.wheel)
    here = Path(sysconfig.get_path("purelib"))
    for name in DEPENDENCIES:
        for entry in here.glob(f"{name}*"):
            (installation.packages / entry.name).symlink_to(entry)


def call(*command: str | Path, folder: Path | None = None) -> None:
    """Runs a command that must succeed."""
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr

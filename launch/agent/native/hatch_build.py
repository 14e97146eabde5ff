"""Compiles what agents do in C, and libruth, for a wheel (pyproject.toml).

Without a compiler the wheel is pure Python.

Into a checkout that is installed in place ``launch/ruth`` compiles it itself, and says so if it cannot.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class NativeHook(BuildHookInterface):  # type: ignore[type-arg] # its parameter is hatchling's own
    """Runs before files are collected (hatch.pypa.io, "Build hook plugins")."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds ``native.so`` and ``libruth.so``, and says for which machines the wheel is then."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from launch.agent.native.build import build, build_libruth

        problem = build() or build_libruth()
        if problem is not None:
            self.app.display_warning(f"what is in C is not compiled: {problem}")
            return
        build_data["artifacts"] += ["/launch/agent/native/native.so", "/ruth/native/libruth.so"]
        build_data["pure_python"] = False
        # Of no Python's ABI: ctypes loads it. A build for another machine names it (tests/wheels).
        named = os.environ.get("RUTH_WHEEL_PLATFORM", "")
        platform = named or sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"

"""What is compiled, in tests: one step in C at a time."""

from __future__ import annotations

import ctypes
from typing import Final

from launch.agent.native.library import NativeLibrary, functions_of

_OBSERVED, _NOTHING_NEW, HAND_OVER = 0, 1, 2  # enum stepped of launch/agent/native/loop.c


class StepLibrary:
    """A compiled library, and what tests call of it beside agents.

    Args:
        path: Of the library.

    Attributes:
        native: What agents call.

    """

    def __init__(self, path: str) -> None:
        self.native: NativeLibrary = functions_of(path)
        loaded = ctypes.CDLL(path)
        self._step, self._release = loaded.agent_step, loaded.agent_release
        self._bound_size: int = ctypes.c_size_t.in_dll(loaded, "bound_size").value

    def steps_of(self, agent: int) -> Steps:
        """Steps of the agent at that address."""
        return Steps(agent, self._step, self._release, self._bound_size)


class Steps:
    """Steps of one agent in C."""

    def __init__(
        self, agent: int, step: ctypes._NamedFuncPointer, release: ctypes._NamedFuncPointer, size: int
    ) -> None:
        self._agent: Final = ctypes.c_void_p(agent)
        self._bound: Final = ctypes.create_string_buffer(size)
        self._step = step
        self._release = release

    def step(self) -> bool | None:
        """One step; whether a frame was observed, or None if something is to be passed on."""
        stepped = self._step(self._agent, self._bound)
        return None if stepped == HAND_OVER else bool(stepped == _OBSERVED)

    def release(self) -> None:
        """Closes what is open of an export."""
        self._release(self._bound)

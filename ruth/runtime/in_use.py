"""Says once that a model is slower than the ring that it reads from."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ruth.runtime.frame import Frame

FRAMES_BEFORE_WARNING: Final = 10


class FramesInUse:
    """Checks, when the next frame is asked for, whether the one before is still whole.

    One that its user has found intact, as after a copy, is not counted.

    Args:
        warn: Whether to say it at all.

    """

    __slots__ = ("_frames", "_overwritten", "_warn")

    def __init__(self, *, warn: bool) -> None:
        self._warn = warn
        self._frames: list[Frame] = []
        self._overwritten = 0

    def given(self, frame: Frame) -> None:
        """A frame was given out."""
        if self._warn and frame.overwritable:  # other frames hold memory of their own
            self._frames.append(frame)

    def forget(self) -> None:
        """Holds no frame any more."""
        self._frames.clear()

    def used(self) -> None:
        """The frames given out so far are used by now: their user asks for more."""
        for frame in self._frames:
            self._overwritten = 0 if frame.was_intact or frame.intact else self._overwritten + 1
        self.forget()
        if self._overwritten >= FRAMES_BEFORE_WARNING and self._warn:
            self._warn = False
            warnings.warn(
                f"none of the last {FRAMES_BEFORE_WARNING} frames was intact after use: copy or shrink first"
                " (frame.copy(), frame.rgb(size)); warn_slow=False says nothing",
                RuntimeWarning,
                stacklevel=4,
            )

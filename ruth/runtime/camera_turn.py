"""One camera of a many-camera stream: whose turn is to come, and what is known to be new of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ruth.runtime.cursor import CameraFrames
from ruth.runtime.watch import SubscriptionRecord

if TYPE_CHECKING:
    from ruth.agent.last_allowed import LastAllowed
    from ruth.runtime.roots import Roots


class Counts(NamedTuple):
    """Frames, as of :class:`ruth.runtime.cursor.CameraFrames`."""

    received: int
    lost: int
    dropped: int


class CameraTurn(CameraFrames):
    """One camera of a many-camera stream.

    Attributes:
        waits: Whether its turn is to come.
        gone: Whether its folder is.
        news: What its agent allowed, if that is known to bring a frame and was not given yet.

    """

    __slots__ = ("gone", "news", "record", "waits")

    def __init__(self, camera_id: str, model_id: str, roots: Roots) -> None:
        self.record = SubscriptionRecord(roots.state, camera_id, model_id)
        super().__init__(self.record, camera_id, model_id, roots, newest_only=True)
        self.waits = self.gone = False
        self.news: LastAllowed | None = None

    def close(self) -> None:
        """Releases files and mappings."""
        self._close()

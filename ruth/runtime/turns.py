"""Whose turn it is among many cameras: the one that has waited longest, and of that the newest frame.

A camera that was heard of gets one turn, behind all that have one already; so each is looked at once before
any is looked at twice, and no camera keeps another one waiting.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ruth.runtime.camera_turn import CameraTurn
    from ruth.runtime.frame import Frame
    from ruth.runtime.in_use import FramesInUse
    from ruth.runtime.state_folders import StateFolders


class Turns:
    """The turns of many cameras.

    Args:
        folders: Told which cameras' frames are of no interest.
        in_use: Told of each frame that is given.

    """

    __slots__ = ("_folders", "_in_use", "_ready", "_turns")

    def __init__(self, folders: StateFolders, in_use: FramesInUse) -> None:
        self._folders = folders
        self._in_use = in_use
        self._turns: deque[CameraTurn] = deque()
        self._ready: dict[CameraTurn, None] = {}  # of which there is news, those that wait longest first

    def give(self, camera: CameraTurn) -> None:
        """A camera was heard of."""
        if not camera.waits:
            camera.waits = True
            self._turns.append(camera)

    def forget(self, camera: CameraTurn) -> None:
        """A camera has gone."""
        self._ready.pop(camera, None)

    def take(self) -> Frame | None:
        """The frame whose turn it is. Never waits."""
        while self._ready:
            camera = next(iter(self._ready))
            del self._ready[camera]
            frame = self._take_of(camera)
            if frame is not None:
                return frame
        turns = self._turns
        while turns:
            camera = turns.popleft()
            camera.waits = False
            if self._is_news_of(camera):
                frame = self._take_of(camera)
                if frame is not None:
                    return frame
        return None

    def _take_of(self, camera: CameraTurn) -> Frame | None:
        """The newest frame of a camera that has news."""
        if camera.waits:
            self._is_news_of(camera)  # it was heard of since
        allowed, camera.news = camera.news, None
        frame = None if allowed is None else camera.take(allowed)
        if frame is not None:
            self._in_use.given(frame)
        return frame

    def poll(self, enough: int) -> int:
        """Looks at the cameras whose turn has come, until so many have news. Returns how many have."""
        ready, turns = self._ready, self._turns
        while turns and len(ready) < enough:
            camera = turns.popleft()
            camera.waits = False
            if self._is_news_of(camera):
                ready[camera] = None
        return len(ready)

    def _is_news_of(self, camera: CameraTurn) -> bool:
        """Looks at a camera. Whether there is a frame to be taken."""
        if camera.gone:
            return False
        allowed = camera.poll()
        if allowed is None:
            unsubscribed = camera.record.unsubscribed
            self._folders.hear_frames(camera.camera_id, wanted=not unsubscribed)
            if unsubscribed:
                camera.record.close()
            camera.news = None
            return False
        if not camera.has_news(allowed):
            if camera.news is not None and camera.news.life != allowed.life:
                camera.news = None  # of the agent before: its count is not this one's
            return camera.news is not None
        camera.news = allowed
        return True

    def take_batch(self, n: int) -> list[Frame]:
        """The newest frames of the first ``n`` cameras that have news; fewer if some are lost."""
        frames = []
        for camera in [camera for camera, _ in zip(self._ready, range(n), strict=False)]:
            del self._ready[camera]
            frame = self._take_of(camera)
            if frame is not None:
                frames.append(frame)
        return frames

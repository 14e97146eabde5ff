"""How long a camera may show nothing, and how long its FFmpeg may take to end: time is an argument.

| a source that is | first picture | then without a picture |
|---|---|---|
| live | 30 s: 10 to answer, 20 more | 20 s |
| listening for its camera | 40 s: 20 to be called, 20 more | 20 s |
| a file or a test clip | 60 s | no limit: it has its own pace |

FFmpeg is asked to end by SIGTERM, which it hears when it has read the next packet. A second one interrupts a
read that waits for a silent camera, but also what FFmpeg is writing, so it is sent early only if no picture
has come of late. After :data:`STOP_SECONDS` FFmpeg is killed.
"""

from __future__ import annotations

import enum
from typing import Final

from launch.vas.source import Kind

ANSWER_SECONDS: Final = 10
LISTEN_SECONDS: Final = 20
SILENCE_SECONDS: Final = 20
FILE_SECONDS: Final = 60

CHECK_SECONDS: Final = 1.0  # between polls whether pictures come
STOP_SECONDS: Final = 5.0  # that FFmpeg has to finish its recording before it is killed
AGAIN_SECONDS: Final = 1.0  # before a second SIGTERM to one whose camera is silent
AGAIN_SECONDS_BUSY: Final = 2.0  # to another
_OF_LATE: Final = CHECK_SECONDS


class Due(enum.Enum):
    """What is to be done now."""

    NOTHING = enum.auto()
    TELL = enum.auto()  # that no picture comes; and ask FFmpeg to end
    ASK_AGAIN = enum.auto()  # FFmpeg to end
    KILL = enum.auto()


class TimeLimits:
    """The limits of one FFmpeg. All times are of one clock, in seconds.

    Args:
        now: When it was started.
        kind: What it shows; None for one that prepares and shows nothing.

    Attributes:
        first: Whether the first picture has still to come.

    """

    def __init__(self, now: float, kind: Kind | None) -> None:
        live = self._live = kind is not None and kind.live
        answer = LISTEN_SECONDS if kind is Kind.RTSP_LISTEN else ANSWER_SECONDS
        first = answer + SILENCE_SECONDS if live else FILE_SECONDS
        self._silence = SILENCE_SECONDS if live else float("inf")
        self._last = now
        self._limit = first if kind is not None else float("inf")
        self._end: list[tuple[float, Due]] = []
        self._ending = False
        self.first = True

    def silent(self, now: float) -> float:
        """For how long no picture has come."""
        return now - self._last

    def picture(self, now: float) -> None:
        """One has come."""
        self.first = False
        self._last, self._limit = now, self._silence

    def end(self, now: float) -> None:
        """FFmpeg has been asked to end, unless it had been before."""
        if self._ending:
            return
        self._ending = True
        if self._live:
            again = AGAIN_SECONDS if self.silent(now) > _OF_LATE else AGAIN_SECONDS_BUSY
            self._end.append((now + again, Due.ASK_AGAIN))
        self._end.append((now + STOP_SECONDS, Due.KILL))
        self._end.sort(key=lambda step: step[0])

    def due(self, now: float) -> Due:
        """What is to be done; each thing once."""
        if self._end and now >= self._end[0][0]:
            return self._end.pop(0)[1]
        if not self._ending and self.silent(now) >= self._limit:
            return Due.TELL
        return Due.NOTHING

    def next_at(self, now: float) -> float:
        """When to ask again."""
        return min([now + CHECK_SECONDS, *(at for at, _ in self._end)])

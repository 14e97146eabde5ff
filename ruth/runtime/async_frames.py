"""The same frames for users of asyncio: ``async for frame in stream``.

The futex wait blocks, so it is made in the event loop's own default executor, a thread that is the user's and
not ours: one wait each time there is nothing new, of at most 0.98 s. The look for a frame takes microseconds
and is made in the loop itself. Nothing polls.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Self

from ruth.runtime.stream import POLL_NS, nanoseconds

if TYPE_CHECKING:
    from ruth.runtime.frame import Frame
    from ruth.runtime.stream import Stream


class AsyncFrames:
    """An asynchronous iterator over a stream's frames. Ends as the stream's own iteration does.

    Args:
        stream: The stream; no other task or thread may take frames from it.

    """

    __slots__ = ("_stream",)

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        stream = self._stream
        loop = asyncio.get_running_loop()
        timeout = stream.timeout
        deadline_ns = None if timeout is None else time.monotonic_ns() + nanoseconds(timeout)
        while not stream.closed:
            frame = stream.next_frame(timeout=0)
            if frame is not None:
                return frame
            left_ns = POLL_NS if deadline_ns is None else deadline_ns - time.monotonic_ns()
            if left_ns <= 0:
                break
            try:
                await loop.run_in_executor(None, stream.wait_for_change, left_ns)
            except asyncio.CancelledError:
                stream.interrupt()  # or its thread would go on waiting for up to a second
                raise
        raise StopAsyncIteration

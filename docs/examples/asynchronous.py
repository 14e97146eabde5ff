"""One task for each of several cameras, in one event loop.

    python docs/examples/asynchronous.py person front-door yard

Waiting takes no thread. What computes for long belongs into a thread or process (``loop.run_in_executor``),
or it holds up the others. For one model of many cameras, ``ruth.attach_all`` needs one task.
"""

import asyncio
import sys

import ruth


async def follow(camera_id: str, model_id: str) -> None:
    """Prints how bright each eligible frame of one camera is."""
    with ruth.attach(camera_id, model_id, timeout=10) as stream:
        async for frame in stream:
            brightness = frame.y[::8, ::8].mean()
            if frame.intact:
                print(f"{camera_id}: frame {frame.frame_id}: {brightness:.0f}", flush=True)
        print(f"{camera_id}: no eligible frame for {stream.timeout} s: {stream.problem}", file=sys.stderr)


async def main(model_id: str, *cameras: str) -> None:
    """Follows all cameras until none of them has a frame any more."""
    await asyncio.gather(*(follow(camera_id, model_id) for camera_id in cameras))


if len(sys.argv) < 3:
    print(f"usage: {sys.argv[0]} MODEL CAMERA...", file=sys.stderr)
    sys.exit(2)
try:
    asyncio.run(main(*sys.argv[1:]))
except KeyboardInterrupt:
    sys.exit(130)

"""Says how much of a camera's picture moves, with numpy alone.

    python docs/examples/motion.py front-door audit

What it needs: a camera that does not move, and light that does not change all at once: a lamp that is
switched on moves the whole picture. What is smaller than a block, or as grey as what is behind it, does not
count.

It keeps a small picture of its own, never a frame: the mean of each block of 16 x 16 pixels. What changed by
more than noise since the last eligible frame is motion.
"""

import sys

import numpy as np

import ruth

BLOCK = 16
NOISE = 6.0  # of 255

if len(sys.argv) != 3:
    print(f"usage: {sys.argv[0]} CAMERA MODEL", file=sys.stderr)
    sys.exit(2)
camera_id, model_id = sys.argv[1:]
before = None
try:
    with ruth.attach(camera_id, model_id, timeout=10) as stream:
        for frame in stream:
            rows, columns = frame.height // BLOCK, frame.width // BLOCK
            luma = frame.y[: rows * BLOCK, : columns * BLOCK]
            blocks = luma.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))
            if not frame.intact:  # overwritten while it was read: these numbers are of no one frame
                continue
            if before is not None and before.shape == blocks.shape:
                moving = np.abs(blocks - before) > NOISE
                print(f"frame {frame.frame_id}: {moving.mean():.1%} moves", flush=True)
            before = blocks
        print(f"no eligible frame for {stream.timeout} s: {stream.problem}", file=sys.stderr)
except KeyboardInterrupt:
    sys.exit(130)

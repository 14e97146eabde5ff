"""Finds people who stand or walk, with OpenCV's HOG detector; its weights come with the package.

    python docs/examples/people.py front-door person

What it needs: people who are seen whole, upright and not from above, and 90 pixels tall or more once the
frame is WIDTH wide: the detector looks for figures of 96 pixels in a window of 128, and for larger ones. On
a street of 768 x 576 with seven people of 60 to 100 pixels it finds six, and now and then takes a van for a
person; at a WIDTH of 640 it finds one. What it costs grows with the area: at 1280, 0.6 s of one core for
each frame. So give the model a max_fps of 1.

The detector takes longer than a frame stays in the ring. So the frame is brought to its size first, which
is a copy of this process's own, and asked right then whether it was still intact.
"""

import sys

import ruth

WIDTH = 1280
CERTAIN = 0.5  # the detector's own score; it is not a probability

if len(sys.argv) != 3:
    print(f"usage: {sys.argv[0]} CAMERA MODEL", file=sys.stderr)
    sys.exit(2)
camera_id, model_id = sys.argv[1:]
import cv2  # noqa: E402 - the extra `examples`; `--help` works without it

detector = cv2.HOGDescriptor()
detector.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())
try:
    with ruth.attach(camera_id, model_id, timeout=10) as stream:
        for frame in stream:
            scale = frame.width / WIDTH
            picture = frame.gray((WIDTH, round(frame.height / scale)))
            if not frame.intact:
                continue
            boxes, scores = detector.detectMultiScale(picture, winStride=(8, 8), scale=1.05)
            # left, top, width, height in the camera's pixels
            people = [
                [round(float(edge) * scale) for edge in box]
                for box, score in zip(boxes, scores, strict=True)
                if score > CERTAIN
            ]
            print(f"frame {frame.frame_id}: {len(people)} people {people}", flush=True)
        print(f"no eligible frame for {stream.timeout} s: {stream.problem}", file=sys.stderr)
except KeyboardInterrupt:
    sys.exit(130)

"""Finds people who stand or walk, with OpenCV's HOG detector; its weights come with the package.

    python docs/examples/people.py front-door person

The detector takes longer than a frame stays in the ring. So the frame is made small first, which is a copy of
this process's own, and asked right then whether it was still intact.
"""

import sys

import ruth

WIDTH = 640
CERTAIN = 1.0  # the detector's own score; it is no probability

if len(sys.argv) != 3:
    print(f"usage: {sys.argv[0]} CAMERA MODEL", file=sys.stderr)
    sys.exit(2)
camera_id, model_id = sys.argv[1:]
import cv2  # noqa: E402 - the extra `examples`; whoever asks how this is used need not have it

detector = cv2.HOGDescriptor()
detector.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())
try:
    with ruth.attach(camera_id, model_id, timeout=10) as stream:
        for frame in stream:
            scale = frame.width / WIDTH
            small = cv2.resize(frame.y, (WIDTH, round(frame.height / scale)), interpolation=cv2.INTER_AREA)
            if not frame.intact:
                continue
            boxes, scores = detector.detectMultiScale(small, winStride=(8, 8), scale=1.05)
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

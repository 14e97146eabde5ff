"""Finds people on many cameras at once, with ONNX Runtime in batches, and draws them into one picture of all.

    python docs/examples/detector.py person found.png 1024 front-door yard lobby

The detector is that of Dalal and Triggs: gradients, histograms of their directions, a linear classifier.
The program builds it as an ONNX graph, with the weights that come with OpenCV, so nothing is downloaded;
scores are those of OpenCV's own within 0.01. It finds people who are seen whole, upright and not from
above, from 100 pixels on once the picture is WIDTH wide, and now and then a post. A batch of 16 cameras
costs some 13 s of one core at a WIDTH of 1024, and a quarter at 512: give the model a max_fps to match,
0.1 or 0.5.

A batch takes longer than a frame stays in its ring. So each frame is brought to the detector's size first,
which is a copy of this process's own, and asked right then whether it was still intact.
"""

import os
import sys

import numpy as np

import ruth

CERTAIN = 0.6  # the classifier's own score; it is no probability
CELL, BLOCK, BINS = 8, 16, 9
WINDOW = 64, 128  # what the classifier looks at: 7 x 15 blocks
LEVEL = 1.25  # from one size that is looked at to the next smaller one
TILE = 320, 240

if len(sys.argv) < 5 or not sys.argv[3].isdigit():
    print(f"usage: {sys.argv[0]} MODEL OUTPUT WIDTH CAMERA...", file=sys.stderr)
    sys.exit(2)
model_id, output, searched_width, *cameras = sys.argv[1:]
import cv2  # noqa: E402 - the extra `examples`; `--help` works without it
import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


def build_detector() -> bytes:
    """Luma (n, 1, rows, columns) uint8 to scores, one for each window that begins at a cell."""
    constants, nodes = [], []

    def constant(value, kind=np.float32):
        constants.append(numpy_helper.from_array(np.asarray(value, kind), f"c{len(constants)}"))
        return constants[-1].name

    def step(operator, *inputs, outputs=1, **attributes):
        names = [f"v{len(nodes)}_{at}" for at in range(outputs)]
        nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def normed(values, least):
        total = step("ReduceSum", step("Mul", values, values), constant([1], np.int64), keepdims=1)
        return step("Div", values, step("Add", step("Sqrt", total), constant(least)))

    light = step("Sqrt", step("Cast", "luma", to=TensorProto.FLOAT))
    light = step("Pad", light, constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), mode="reflect")
    slopes = np.zeros((2, 1, 3, 3))
    slopes[0, 0, 1] = slopes[1, 0, :, 1] = -1, 0, 1
    both = step("Conv", light, constant(slopes))
    across, down = step("Split", both, constant([1, 1], np.int64), axis=1, outputs=2)
    size = step("Sqrt", step("Add", step("Mul", across, across), step("Mul", down, down)))
    # Directions without a sign, as a number of bins; each pixel counts for the two nearest, by distance.
    level = step("Where", step("Equal", across, constant(0)), constant(1e-6), across)
    bins = step("Mul", step("Atan", step("Div", down, level)), constant(BINS / np.pi))
    far = step("Sub", bins, constant((np.arange(BINS) + 0.5).reshape(1, BINS, 1, 1)))
    turns = step("Round", step("Div", far, constant(BINS)))
    far = step("Abs", step("Sub", far, step("Mul", turns, constant(BINS))))
    votes = step("Mul", step("Relu", step("Sub", constant(1), far)), size)
    # A block has two by two cells; a pixel counts for each by distance, and less towards the block's rim.
    at = np.arange(BLOCK)
    near = [np.clip(1 - abs((at + 0.5) / CELL - 0.5 - cell), 0, 1) for cell in range(2)]
    near *= np.exp(-((at - BLOCK / 2) ** 2) / (2 * (BLOCK / 4) ** 2))
    cells = np.stack([np.outer(near[row], near[column]) for column in range(2) for row in range(2)])
    kernels = np.tile(cells[:, None], (BINS, 1, 1, 1))
    blocks = step("Conv", votes, constant(kernels), group=BINS, strides=[CELL, CELL])
    blocks = step("Min", normed(blocks, 0.1 * 4 * BINS), constant(0.2))
    weights = cv2.HOGDescriptor.getDefaultPeopleDetector().ravel()
    columns, rows = ((side - BLOCK) // CELL + 1 for side in WINDOW)
    figure = weights[:-1].reshape(columns, rows, 4, BINS).transpose(3, 2, 1, 0).reshape(1, -1, rows, columns)
    scores = step("Conv", normed(blocks, 1e-3), constant(figure), constant(weights[-1:]))

    luma = helper.make_tensor_value_info("luma", TensorProto.UINT8, ["n", 1, "rows", "columns"])
    result = helper.make_tensor_value_info(scores, TensorProto.FLOAT, ["n", 1, "down", "across"])
    graph = helper.make_graph(nodes, "people", [luma], [result], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def find(session, pictures):
    """For each picture of a batch its boxes (left, top, width, height), in the picture's pixels."""
    found = [([], []) for _ in pictures]
    scale = 1.0
    while True:
        rows, columns = (round(side / scale) for side in pictures[0].shape)
        if columns < WINDOW[0] or rows < WINDOW[1]:
            break
        smaller = [cv2.resize(one, (columns, rows), interpolation=cv2.INTER_AREA) for one in pictures]
        (scores,) = session.run(None, {"luma": np.stack(smaller)[:, None]})
        for number, _, row, column in np.argwhere(scores > CERTAIN):
            # The window has a margin around the figure.
            left, top = (column * CELL + WINDOW[0] / 8) * scale, (row * CELL + WINDOW[1] / 16) * scale
            boxes, certain = found[number]
            boxes.append([left, top, WINDOW[0] * 0.75 * scale, WINDOW[1] * 0.875 * scale])
            certain.append(float(scores[number, 0, row, column]))
        scale *= LEVEL
    return [
        [boxes[best] for best in cv2.dnn.NMSBoxes(boxes, certain, CERTAIN, 0.3)] for boxes, certain in found
    ]


def draw(tile, name, boxes, scale):
    """Boxes and name, into the small picture of one camera."""
    for box in boxes:
        left, top, width, height = (round(side * scale) for side in box)
        cv2.rectangle(tile, (left, top), (left + width, top + height), (60, 220, 60), 2)
    cv2.putText(tile, name, (8, TILE[1] - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)


def shrink(frames, size):
    """Of each frame that stayed whole: camera, id, luma in that size, a small picture to draw into."""
    for frame in frames:
        luma, tile = frame.gray(size, letterbox=True), frame.bgr(TILE, letterbox=True)
        if frame.intact:
            yield frame.camera_id, frame.frame_id, luma, tile


def main():
    """Batch after batch."""
    session = onnxruntime.InferenceSession(build_detector(), providers=["CPUExecutionProvider"])
    size = int(searched_width), int(searched_width) * 3 // 4
    across = int(np.ceil(np.sqrt(len(cameras))))
    wall = np.zeros((-(-len(cameras) // across) * TILE[1], across * TILE[0], 3), np.uint8)
    with ruth.attach_all(model_id, cameras) as streams:
        for frames in streams.batches(len(cameras), wait=0.05):
            batch = list(shrink(frames, size))
            if not batch:
                continue
            people = find(session, [luma for _, _, luma, _ in batch])
            for (camera_id, frame_id, _, tile), boxes in zip(batch, people, strict=True):
                draw(tile, camera_id, boxes, TILE[0] / size[0])
                row, column = divmod(cameras.index(camera_id), across)
                wall[row * TILE[1] :, column * TILE[0] :][: TILE[1], : TILE[0]] = tile
                found = [[round(side) for side in box] for box in boxes]
                print(f"{camera_id}: frame {frame_id}: {len(boxes)} people {found}")
            cv2.imwrite(f"{output}.new.png", wall)
            os.replace(f"{output}.new.png", output)  # whole at any moment
            print(f"batch of {len(batch)}: {sum(map(len, people))} people", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

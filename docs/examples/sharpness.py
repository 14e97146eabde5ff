"""Tells a sharp picture from that of a covered, fogged or moved-out-of-focus lens, with ONNX Runtime.

    python docs/examples/sharpness.py front-door plate

What it needs: light, and a scene with something in it. Twenty photographs and streets by day came to 20 to
114; the same out of focus by 8 pixels in 640, to 2 to 14, most of them below 10. A plain wall is never
sharp, and noise at night always is. So look what your camera comes to first, and take a third of that for
BLURRED_BELOW.

The model is built here, so that nothing has to be downloaded: two Sobel filters over the luma, and how strong
edges are on average. In its place any other model can be loaded; it is fed with the frame's own memory.
"""

import sys

import numpy as np

import ruth

BLURRED_BELOW = 10.0  # mean edge strength


def build_model() -> bytes:
    """luma, uint8 (height, width) -> sharpness, float32 ()."""
    from onnx import TensorProto, checker, helper, numpy_helper

    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)
    weights = numpy_helper.from_array(np.stack([sobel, sobel.T])[:, None], "weights")
    batch = numpy_helper.from_array(np.array([0, 1], np.int64), "batch")
    nodes = [
        helper.make_node("Cast", ["luma"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["float", "batch"], ["image"]),
        helper.make_node("Conv", ["image", "weights"], ["edges"], strides=[2, 2]),
        helper.make_node("Abs", ["edges"], ["strength"]),
        helper.make_node("ReduceMean", ["strength"], ["sharpness"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "sharpness",
        [helper.make_tensor_value_info("luma", TensorProto.UINT8, ["height", "width"])],
        [helper.make_tensor_value_info("sharpness", TensorProto.FLOAT, [])],
        [weights, batch],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    return model.SerializeToString()


if len(sys.argv) != 3:
    print(f"usage: {sys.argv[0]} CAMERA MODEL", file=sys.stderr)
    sys.exit(2)
camera_id, model_id = sys.argv[1:]
import onnxruntime  # noqa: E402 - the extra `examples`; `--help` works without it

session = onnxruntime.InferenceSession(build_model(), providers=["CPUExecutionProvider"])
try:
    with ruth.attach(camera_id, model_id, timeout=10) as stream:
        for frame in stream:
            (sharpness,) = session.run(None, {"luma": frame.y})
            if frame.intact:
                verdict = "blurred or covered" if sharpness < BLURRED_BELOW else "sharp"
                print(f"frame {frame.frame_id}: {verdict} ({sharpness:.1f})", flush=True)
        print(f"no eligible frame for {stream.timeout} s: {stream.problem}", file=sys.stderr)
except KeyboardInterrupt:
    sys.exit(130)

"""Why a model gets less than its cap, in one sentence with a number. Pure: a record in, words out.

A cap is a maximum (docs/gate.md), so less than that is not a fault; but an operator asks why. What a record
says answers most of it: the rate of the camera, frames that were missed, and how many frames the interval of
the cap spans.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from ruth.agent.rhythm import frames_together, longest_gap_ns
from ruth.subscription.gate import Decision, interval_ns
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from ruth.agent.state import AgentRecord, ModelState

SPAN_MIN_NS: Final = 2 * NANOSECONDS
"""A rate of a shorter time says more of its ends than of what is between them."""
NEAR: Final = 0.97
"""From this share of what was expected on, it is what was expected."""
_ENDINGS: Final = {1: "st", 2: "nd", 3: "rd"}
_EVEN: Final = 0.01  # of a frame: a measured rate is not exact


def shortfall(record: AgentRecord, model: ModelState, fps: float | None) -> str | None:
    """Why this model was given less than its cap, or less than every frame where it has none.

    Args:
        record: The agent's; of the present export, since it began.
        model: One of its subscriptions.
        fps: Frames a second of the present export (:func:`launch.observe.inspection.inspection.export_fps`).

    Returns:
        A sentence without the model's name and a full stop; None if it was given what it may have, or if the
        time is too short to tell.

    """
    if not model.active:
        return f"inactive: each frame is skipped, {model.skipped} so far"
    if model.last_decision is Decision.SKIP_INVALID_CAP:
        return f"its cap is invalid: each frame is skipped, {model.skipped} so far"
    if model.last_decision is Decision.SKIP_FAULT:
        return f"its decision failed at the newest frame; frames skipped so far: {model.skipped}"
    given = given_fps(record, model)
    if fps is None or given is None:
        return None
    most = fps if model.max_fps is None else min(fps, model.max_fps)
    if given >= NEAR * (fps if model.max_fps is None else model.max_fps):
        return None
    told = f"{given:.3g} frames per second"
    if model.max_fps is not None and fps < NEAR * model.max_fps and given >= NEAR * most:
        return f"{told}: the camera gives {fps:.3g}, fewer than its cap of {model.max_fps:g}"
    return f"{told}{_of(model)}: {_cause(record, model, fps, given)}"


def given_fps(record: AgentRecord, model: ModelState) -> float | None:
    """Frames a second that the model was allowed of the present export; None if that cannot be told."""
    newest_ns, first_ns = record.timestamp_ns, record.first_timestamp_ns
    if newest_ns is None or first_ns is None or newest_ns - first_ns < SPAN_MIN_NS:
        return None
    if model.last_session != record.session or model.last_timestamp_ns is None:
        return 0.0
    frames, span_ns = model.allowed - model.earlier - 1, model.last_timestamp_ns - first_ns
    if frames < 1 or span_ns <= 0:
        return (frames + 1) * NANOSECONDS / (newest_ns - first_ns)
    return frames * NANOSECONDS / span_ns


def _of(model: ModelState) -> str:
    return "" if model.max_fps is None else f" of at most {model.max_fps:g}"


def _cause(record: AgentRecord, model: ModelState, fps: float, given: float) -> str:
    all_frames = record.frames + record.missed
    if record.missed > (1 - NEAR) * all_frames:
        share = f"{record.missed / all_frames:.0%} of its frames ({record.missed} of {all_frames})"
        together = frames_together(record.frames, record.missed, record.arrivals)
        at_once = f", which come {together} at once" if together > 1 else ""
        return f"the agent missed {share}{at_once}"
    if model.max_fps is not None:
        step = _step(model.max_fps, fps)
        if step > 1 and math.isclose(given, fps / step, rel_tol=1 - NEAR):
            apart = f"{1000 / model.max_fps:.4g} ms must lie between two"
            return f"frames come every {1000 / fps:.4g} ms and {apart}, so each {_ordinal(step)} is allowed"
        together = frames_together(record.frames, record.missed, record.arrivals)
        if together > 1 and record.arrivals * fps < model.max_fps * record.frames:
            arrivals = fps * record.arrivals / record.frames
            return f"frames come {together} at once, {arrivals:.3g} times per second"
    gap_s = longest_gap_ns(record) / NANOSECONDS
    if gap_s > 2 / (fps if model.max_fps is None else min(fps, model.max_fps)):
        return f"frames ceased for up to {gap_s:.3g} s"
    return (
        f"the camera gives {fps:.3g}, and a frame that is stamped slightly early is skipped"
        " (ruth plan --jitter says what that costs)"
    )


def _step(max_fps: float, fps: float) -> int:
    """Every how many frames of an even camera one is allowed."""
    return math.ceil((interval_ns(max_fps) or 0) * fps / NANOSECONDS - _EVEN)


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{_ENDINGS.get(number % 10, 'th')}"

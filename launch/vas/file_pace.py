"""The pace of files: filters that give their frames credible times, and hold each until its time has come.

When a frame of a file is due, the file says, as far as that can be believed. Where its times stand still,
run backwards or jump (at a turn of a file that is repeated, at a gap in a recording, in a file whose times
are all zero), the next frame is due one frame interval later. So no file is ever played flat out, and times
run on over the turns.

| step to the next frame | becomes |
|---|---|
| 1/240 s to 10 s | itself |
| 0 to 1/240 s | the frame interval, taken off the steps after it (at most 1 s of it) |
| backwards, more than 10 s, unknown | the frame interval |

The frame interval is that of FFmpeg's guess of the rate, at most 0.5 s, or 1/25 s without a credible one.

The filters hold a frame for at most 0.5 s: while one is held FFmpeg cannot end. Longer steps are those that
the file's own times ask for, and by those FFmpeg reads no faster than is due (``-re``).
"""

from __future__ import annotations

from typing import Final

from launch.vas.source import FPS_MAX

STEP_SECONDS_MAX: Final = 10
"""A longer step is taken for a jump of the file's times."""

_HOLD_SECONDS_MAX: Final = 0.5
_FPS_UNKNOWN: Final = 25
_AHEAD_SECONDS_MAX: Final = 1

_SHORTEST = f"1/{FPS_MAX}"
_KNOWN = f"gte(ld(1),0)*lte(ld(1),{STEP_SECONDS_MAX})"
# Registers: 0 the frame interval, 1 the file's step, 2 how much frames are ahead of it, 3 the step taken.
_STEPS = (
    f"st(0,if(gt(FR,0)*lte(FR,{FPS_MAX}),min(1/FR,{_HOLD_SECONDS_MAX}),1/{_FPS_UNKNOWN}))",
    "st(1,(PTS-PREV_INPTS)*TB)",
    f"st(3,if({_KNOWN},if(lt(ld(1),{_SHORTEST}),ld(0),max({_SHORTEST},ld(1)-ld(2))),ld(0)))",
    f"st(2,if({_KNOWN},clip(ld(2)+ld(3)-ld(1),0,{_AHEAD_SECONDS_MAX}),0))",
    "if(isnan(PREV_OUTPTS),if(isnan(PTS),0,PTS),PREV_OUTPTS+ld(3)/TB)",
)

PACE: Final = f"setpts='{';'.join(_STEPS)}',realtime=limit={_HOLD_SECONDS_MAX}"
"""FFmpeg filters, the first of an output's chain. The last waits for each frame's time; one that is more than
0.5 s late begins the time again, so that nothing is made up for after a halt."""

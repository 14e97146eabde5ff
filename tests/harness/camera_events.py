"""What a camera may do in tests, in any order: for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from harness.twins import STEPS
from ruth.export.layout import FrameRecord, RingHeader
from ruth.identity import DATA_NAME, META_NAME

NUMBERS = st.one_of(st.sampled_from([0, 1, 2, 3, 4095, 4096, 2**31, 2**32 - 1]), st.integers(0, 2**32 - 1))
RING_EVENTS = st.one_of(
    st.tuples(st.just("frame"), st.sampled_from(STEPS), st.sampled_from([1, 1, 1, 1, 2, 0, -1, 2**33])),
    st.tuples(st.just("frame"), st.integers(-(10**12), 10**12), st.just(1)),
    st.tuples(st.just("change"), st.sampled_from([*FrameRecord._fields, *RingHeader._fields]), NUMBERS),
    st.tuples(st.just("repair")),
    st.tuples(st.just("close")),
    st.tuples(st.just("vanish")),
    st.tuples(
        st.just("cut"), st.sampled_from([META_NAME, DATA_NAME]), st.sampled_from([0, 64, 4095, 4096, 16384])
    ),
    st.tuples(st.just("burst"), st.integers(2, 6), st.sampled_from(STEPS)),
    st.tuples(st.just("replace"), st.sampled_from([77, 78]), st.integers(0, 20)),
)
"""Methods of :class:`handwritten.HandwrittenRing`, with their arguments."""

"""The gate: nanoseconds for one decision, with the call, the subscription's counters, and the agent's loop.

In C, as agents take nearly all of them, and in Python, as they take the others (launch.agent.native).

The floor does in one loop over bare lists what a decision cannot do without: compare a timestamp with the
last one that passed, and keep it. No object, no call, no other rule.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from benchmarks.agents import MODELS
from benchmarks.compiled import FRAME_NS, CompiledDecisions
from benchmarks.result import Chart, Result, Series, Table
from benchmarks.samples import order_of, ratio_by_round, summary_of
from launch.agent.native.library import load
from ruth.agent.agent import StreamAgent
from ruth.subscription.gate import decide, interval_ns
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.stage import Stage

NAME: Final = "gate"
ABOUT: Final = "one decision, for 1, 4 and 16 models"

COUNTS: Final = (1, 4, 16)
FLOOR: Final = "compare, in line"
AGENT: Final = "agent, all models"
COMPILED: Final = "agent, compiled loop"
DECIDE: Final = "decide() alone"
_CAPS: Final = tuple(MODELS.values())


def run(stage: Stage) -> Result:
    """Measures, as the module says."""
    rounds, frames = (3, 2_000) if stage.quick else (25, 20_000)
    rows: list[tuple[str | int | float, ...]] = []
    medians: dict[tuple[str, int], float] = {}
    problem = load()[1]
    notes = [f"{COMPILED} was left out: {problem}."] if problem else []
    for models in COUNTS:
        stage.say(f"{models} models")
        with ExitStack() as stack:
            arms = {name: make(models) for name, make in _ARMS.items()}
            if not problem:
                compiled = CompiledDecisions(_new_agent(models), stage.new_folder())
                arms[COMPILED] = stack.enter_context(compiled).decide
            measured: dict[str, list[list[float]]] = {name: [] for name in arms}
            for number in range(rounds):
                for name in order_of(list(arms), number):
                    begun = time.perf_counter_ns()
                    arms[name](number * frames, frames)
                    measured[name].append([(time.perf_counter_ns() - begun) / frames / models])
        for name, samples in measured.items():
            times = summary_of(sample for (sample,) in samples)
            medians[name, models] = times.median
            ratio = ratio_by_round(samples, measured[FLOOR])
            rows.append((models, name, times.median, min(samples)[0], times.worst, ratio))
    headers = ("models", "by", "median, ns per decision", "best round", "worst round", "x floor")
    chart = Chart(
        "one decision",
        "ns",
        tuple(f"{models} models" for models in COUNTS),
        tuple(Series(name, tuple(medians[name, models] for models in COUNTS)) for name in measured),
    )
    return Result(NAME, (Table("One decision", headers, tuple(rows)),), (chart,), tuple(notes))


def _new_agent(models: int) -> StreamAgent:
    agent = StreamAgent("bench")
    for number in range(models):
        agent.subscribe(Subscription("bench", f"model-{number}", _CAPS[number % len(_CAPS)]))
    agent.start()
    return agent


def _agent(models: int) -> Callable[[int, int], None]:
    agent = _new_agent(models)

    def observe(first: int, frames: int) -> None:
        for frame_id in range(first, first + frames):
            agent.observe(frame_id, frame_id * FRAME_NS)

    return observe


def _decide(models: int) -> Callable[[int, int], None]:
    intervals = [interval_ns(_CAPS[number % len(_CAPS)]) for number in range(models)]

    def judge(first: int, frames: int) -> None:
        for frame_id in range(first, first + frames):
            timestamp_ns = frame_id * FRAME_NS
            for interval in intervals:
                decide(frame_id, timestamp_ns, frame_id - 1, timestamp_ns - FRAME_NS, interval)

    return judge


def _compare(models: int) -> Callable[[int, int], None]:
    intervals = [interval_ns(_CAPS[number % len(_CAPS)]) or 0 for number in range(models)]
    last = [-(10**18)] * models
    places = range(models)

    def compare(first: int, frames: int) -> None:
        for frame_id in range(first, first + frames):
            timestamp_ns = frame_id * FRAME_NS
            for place in places:
                if timestamp_ns - last[place] >= intervals[place]:
                    last[place] = timestamp_ns

    return compare


_ARMS: Final = {FLOOR: _compare, DECIDE: _decide, AGENT: _agent}

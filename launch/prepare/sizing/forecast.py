"""Everything that ``ruth plan`` says, as values: the configuration, its source, and what both come to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from launch.prepare.sizing.host import Capacity, HostSize, Need, capacity_of, need_of
from launch.prepare.sizing.rates import Forecast, Rate, forecast

if TYPE_CHECKING:
    from launch.prepare.config.plan import HostPlan
    from launch.prepare.sizing.source import Source

_PARKED = Forecast(Rate(0.0, 0, 0))


class ModelForecast(NamedTuple):
    """What subscriptions of one model with one cap come to.

    Attributes:
        model_id: The model.
        max_fps: Its cap; None for every frame.
        active: False if they are inactive.
        cameras: How many cameras it is subscribed to like this.
        each: What each of them comes to.

    """

    model_id: str
    max_fps: float | None
    active: bool
    cameras: int
    each: Forecast

    @property
    def fps(self) -> float:
        """Frames a second for this model, from all these cameras together."""
        return self.cameras * self.each.rate.fps


class HostForecast(NamedTuple):
    """What a configuration comes to on one host.

    Attributes:
        source: How each camera's frames come.
        size: Of each frame, width and height in pixels.
        models: In the order of the configuration; subscriptions that are alike are one.
        need: What it takes.
        host: What was said of the host, or was found.
        room: How many cameras like these it holds.
        cameras_wanted: For how many cameras hosts are to be counted, or None.
        assumed: What of source and size was not stated, as the options that state it.

    """

    source: Source
    size: tuple[int, int]
    models: tuple[ModelForecast, ...]
    need: Need
    host: HostSize
    room: Capacity
    cameras_wanted: int | None
    assumed: tuple[str, ...]

    @property
    def hosts(self) -> int | None:
        """Hosts like this one for the cameras wanted; None if none are, or one camera is too much for it."""
        if self.cameras_wanted is None or not self.room.cameras:
            return None
        return -(-self.cameras_wanted // self.room.cameras)


def forecast_of(
    plan: HostPlan,
    source: Source,
    size: tuple[int, int],
    host: HostSize,
    cameras_wanted: int | None,
    assumed: tuple[str, ...] = (),
) -> HostForecast:
    """What ``plan``, of one camera at least, comes to; the arguments as in :class:`HostForecast`."""
    kinds = Counter(
        (model.model_id, model.max_fps, model.active) for camera in plan.cameras for model in camera.models
    )
    by_cap = {cap: forecast(source, cap) for cap in {cap for _, cap, active in kinds if active}}
    models = tuple(
        ModelForecast(model_id, cap, active, cameras, by_cap[cap] if active else _PARKED)
        for (model_id, cap, active), cameras in kinds.items()
    )
    need = need_of(plan, source.fps, *size, source.slots, host.page_bytes)
    return HostForecast(source, size, models, need, host, capacity_of(host, need), cameras_wanted, assumed)

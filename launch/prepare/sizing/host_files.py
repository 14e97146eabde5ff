"""One configuration per host: the cameras of a plan, as many as a host carries. Pure: values in, text out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch.prepare.config.plan import CameraPlan, HostPlan, ModelPlan


class HostFile(NamedTuple):
    """A configuration of its own for one host.

    Attributes:
        name: Of the file, as ``host-01.toml``.
        content: A ruth.toml, by which each camera has what it had.

    """

    name: str
    content: str


def host_files(plan: HostPlan, per_host: int) -> list[HostFile]:
    """A file per host, the cameras in the order of the plan; two hosts differ by one camera at most.

    Args:
        plan: All cameras.
        per_host: How many a host carries at most, 1 at least.

    """
    cameras = plan.cameras
    hosts = -(-len(cameras) // per_host)
    digits = max(2, len(str(hosts)))
    found = []
    for host in range(hosts):
        own = cameras[host * len(cameras) // hosts : (host + 1) * len(cameras) // hosts]
        head = f"# Host {host + 1} of {hosts}: cameras: {len(own)}. Written by `ruth plan --write`.\n"
        found.append(HostFile(f"host-{host + 1:0{digits}}.toml", head + "".join(map(_camera, own))))
    return found


def _camera(camera: CameraPlan) -> str:
    models = "".join(f"{_key(model.model_id)} = {_model(model)}\n" for model in camera.models)
    return f"\n[cameras.{_key(camera.camera_id)}.models]\n{models}"


def _model(model: ModelPlan) -> str:
    return "{ " + ", ".join(_settings(model)) + " }" if model != type(model)(model.model_id) else "{}"


def _settings(model: ModelPlan) -> Iterator[str]:
    if model.max_fps is not None:
        yield f"max_fps = {model.max_fps!r}"
    if not model.active:
        yield "active = false"


def _key(name: str) -> str:
    """An id as a key of TOML: a dot in it would begin another table."""
    return f'"{name}"' if "." in name else name

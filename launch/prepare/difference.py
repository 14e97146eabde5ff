"""What differs between a configuration and the agents that live: the one place where the two are compared.

Pure: a plan and what was seen of each camera in, values and sentences out. It signals and launches nothing:
``ruth up``, ``ps``, ``doctor`` and ``apply`` say what it finds, and ``apply`` acts on it.

| kind | the camera | what ``ruth apply`` does |
|---|---|---|
| LAUNCH | is in the file and has no live agent | launches it |
| CHANGE | has an agent with other models, caps or inactive ones than the file | ends it, launches it |
| REMOVE | has an agent that was launched from this file, and is no longer in it | ends it |
| VERSION | has an agent of another version of Ruth | with ``--upgrade``: ends it, launches it |
| UNKNOWN | has an agent of which nothing can be told | nothing |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from ruth.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from launch.prepare.config.plan import HostPlan, ModelPlan
    from ruth.agent.state import AgentRecord, ModelState

_LISTED_MAX: Final = 10


class DifferenceKind(Enum):
    """In which way a camera differs from the file."""

    LAUNCH = "launch"
    CHANGE = "change"
    REMOVE = "remove"
    VERSION = "version"
    UNKNOWN = "unknown"


class _SeenAgent(Protocol):
    """What must be known of a camera's agent (:class:`launch.observe.liveness.Sighting`)."""

    @property
    def camera_id(self) -> str: ...
    @property
    def claimed(self) -> bool: ...
    @property
    def alive(self) -> bool: ...
    @property
    def record(self) -> AgentRecord | None: ...
    @property
    def death_text(self) -> str | None: ...
    @property
    def problem(self) -> str | None: ...
    @property
    def other_layout(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """One camera that is not as the configuration says.

    Attributes:
        camera_id: The camera.
        kind: In which way.
        text: How, in words: ``"person 5, file 8"``; printable.
        launcher_pid: Of the launcher that forked its live agent, as its record says; 0 if none did, None
            without a live agent.
        other_layout: Pid that its record names, where that is of another version of ``agent.state``; else 0.

    """

    camera_id: str
    kind: DifferenceKind
    text: str
    launcher_pid: int | None = None
    other_layout: int = 0


def compare(
    plan: HostPlan, sightings: Iterable[_SeenAgent], number: int, name: str, version: str = __version__
) -> list[Difference]:
    """The cameras that differ: those of the file in its order, then those that are no longer in it.

    Args:
        plan: What the file says.
        sightings: Of each camera of the plan, and of all others known on this host.
        number: What stands for the file in records (docs/agent-state.md, ``configuration``).
        name: Of the file, for sentences.
        version: Of Ruth, here.

    """
    seen: Mapping[str, _SeenAgent] = {sighting.camera_id: sighting for sighting in sightings}
    found: list[Difference | None] = []
    for camera in plan.cameras:
        sighting = seen.get(camera.camera_id)
        if sighting is None or not sighting.alive:
            found.append(Difference(camera.camera_id, DifferenceKind.LAUNCH, _without_agent(sighting)))
        else:
            found.append(_of_live(sighting, camera.models, version))
    for camera_id in sorted(seen.keys() - {camera.camera_id for camera in plan.cameras}):
        sighting = seen[camera_id]
        if sighting.alive and sighting.record is not None and sighting.record.configuration == number:
            pid = sighting.record.launcher_pid
            found.append(Difference(camera_id, DifferenceKind.REMOVE, f"no longer in {name}", pid))
    return [difference for difference in found if difference is not None]


def _without_agent(sighting: _SeenAgent | None) -> str:
    if sighting is None or not sighting.claimed:
        return "no agent yet"
    return "dead" if sighting.death_text is None else f"dead: {sighting.death_text}"


def _of_live(sighting: _SeenAgent, planned: Iterable[ModelPlan], version: str) -> Difference | None:
    record = sighting.record
    if record is None:
        why = sighting.problem or "is being launched"
        return Difference(sighting.camera_id, DifferenceKind.UNKNOWN, why, other_layout=sighting.other_layout)
    models = model_differences(record.models, planned)
    if models:
        return Difference(sighting.camera_id, DifferenceKind.CHANGE, "; ".join(models), record.launcher_pid)
    if record.ruth_version != version:
        text = f"runs Ruth {record.ruth_version}, this is {version}"
        return Difference(sighting.camera_id, DifferenceKind.VERSION, text, record.launcher_pid)
    return None


def model_differences(live: Iterable[ModelState], planned: Iterable[ModelPlan]) -> list[str]:
    """How an agent's subscriptions differ from the file's, a phrase for each model: ``"person 5, file 8"``.

    The order of models makes no difference.
    """
    runs = {model.model_id: _cap(model.max_fps, active=model.active) for model in live}
    file = {model.model_id: _cap(model.max_fps, active=model.active) for model in planned}
    phrases = []
    for model_id in (*file, *(model_id for model_id in runs if model_id not in file)):
        one, other = runs.get(model_id), file.get(model_id)
        if one is None:
            phrases.append(f"{model_id} missing, file {other}")
        elif other is None:
            phrases.append(f"{model_id} {one}, not in the file")
        elif one != other:
            phrases.append(f"{model_id} {one}, file {other}")
    return phrases


def _cap(max_fps: float | None, *, active: bool) -> str:
    if max_fps is None:
        cap = "every frame"
    else:
        cap = f"{max_fps:g}" if max_fps == float(f"{max_fps:g}") else repr(max_fps)
    return cap if active else f"{cap} inactive"


def sentences(differences: Iterable[Difference], name: str) -> list[str]:
    """What is said of live agents that differ from the file, a line each; and what to do about it.

    Cameras without an agent are left out: that they do not run is said elsewhere.

    Args:
        differences: By :func:`compare`.
        name: Of the file.

    """
    listed = list(differences)
    lines = []
    for difference in listed:
        if difference.kind is DifferenceKind.CHANGE:
            lines.append(f"{difference.camera_id}: differs from {name}: {difference.text}")
        elif difference.kind is DifferenceKind.REMOVE:
            lines.append(f"{difference.camera_id}: {difference.text}")
    more = len(lines) - _LISTED_MAX
    if more > 0:
        lines[_LISTED_MAX:] = [f"{more} more cameras differ from {name}"]
    if lines:
        lines.append("they stay as they are until ruth apply (--dry-run shows what it would do)")
    versions = [each for each in listed if each.kind is DifferenceKind.VERSION]
    if versions:
        others = f" and {len(versions) - 1} more" if len(versions) > 1 else ""
        lines.append(
            f"{versions[0].camera_id}{others}: {versions[0].text} (ruth apply --upgrade launches them again)"
        )
    return lines

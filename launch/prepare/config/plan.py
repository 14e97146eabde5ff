"""ruth.toml: a text becomes a host plan, or all that is wrong with it at once.

Pure: text in, value out. No file, clock, environment or process is known here, and no text raises
anything but :class:`ConfigError`. What is allowed is in :mod:`launch.prepare.config.rules`, where a key
is in the text is found by :mod:`launch.prepare.config.lines`, what cameras have in common by
:mod:`launch.prepare.config.inherit`, and one problem is a value of :mod:`launch.prepare.config.problem`.

    [models]                                      # of every camera
    person = { max_fps = 5 }
    plate  = { max_fps = 2.5, active = false }    # inactive: every frame is skipped

    [groups.night]                                # of several cameras
    cameras = ["gate-1", "gate-2"]
    models  = { plate = { active = true } }

    [cameras]
    front-door = {}
    yard       = { models = { person = { max_fps = 10 }, plate = false, audit = {} } }    # audit: every frame

Nothing else may be in it. A key that is not known is a problem, never ignored: most likely it
is a known one with a slip in it, and no camera may run otherwise than its file says.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch.prepare.config.fault import MISSING, Fault
from launch.prepare.config.inherit import Inheritance
from launch.prepare.config.lines import line_of_first, line_of_unreadable, lines_of, split_lines
from launch.prepare.config.model_rules import cap_reason
from launch.prepare.config.problem import Problem, show_key, show_text
from launch.prepare.config.rules import SHAPE_ALLOWED, document_faults
from launch.prepare.config.suspicions import document_suspicions
from ruth.errors import InvalidCapError, RuthError
from ruth.identity import check_id

if TYPE_CHECKING:
    from launch.prepare.config.inherit import Models

_SYNTAX_ALLOWED = "TOML, as on toml.io"

_MARK = "\ufeff"
"""Some editors begin every UTF-8 file with this mark."""

_POSITION = re.compile(r"line (?P<line>\d+), column (?P<column>\d+)")

_REASONS = {
    "Cannot overwrite a value": "this key is there already",
    "Cannot declare": "this table is there already",
    "Cannot mutate immutable namespace": "this table is complete already",
}
"""How tomllib's less clear messages begin, and what is said instead."""


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """One subscription as configured.

    Attributes:
        model_id: The model.
        max_fps: Its cap in frames per second; None for every frame.
        active: False: every frame is skipped.

    Raises:
        InvalidIdError: ``model_id`` is not a valid id.
        InvalidCapError: ``max_fps`` is not above 0 and at most
                :data:`launch.prepare.config.model_rules.FPS_MAX`.

    """

    model_id: str
    max_fps: float | None = None
    active: bool = True

    def __post_init__(self) -> None:
        check_id("model", self.model_id)
        if self.max_fps is not None and cap_reason(self.max_fps) is not None:
            raise InvalidCapError(self.max_fps)


@dataclass(frozen=True, slots=True)
class CameraPlan:
    """One camera as configured: its models in the order of the file.

    Raises:
        InvalidIdError: ``camera_id`` is not a valid id.

    """

    camera_id: str
    models: tuple[ModelPlan, ...]

    def __post_init__(self) -> None:
        check_id("camera", self.camera_id)


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What one launch on one host is to run: its cameras in the order of the file."""

    cameras: tuple[CameraPlan, ...]

    def camera(self, camera_id: str) -> CameraPlan | None:
        """The plan of one camera, or None if it is not configured."""
        return next((each for each in self.cameras if each.camera_id == camera_id), None)


class ConfigError(RuthError):
    """A text that is not a valid ruth.toml.

    Attributes:
        problems: Everything that is wrong with it, by line.

    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(problem.text("ruth.toml") for problem in problems))
        self.problems = problems


def parse_config(text: str) -> HostPlan:
    """The plan that ``text``, the content of a ruth.toml, describes.

    Raises:
        ConfigError: It is not a valid configuration; the error holds all problems, sorted by line.

    """
    return plan_of(_document(text.removeprefix(_MARK)), text)


def suspicions_in(text: str) -> tuple[Problem, ...]:
    """What is allowed in ``text``, a valid ruth.toml, and yet most likely a slip; sorted by line."""
    return _located(text, list(document_suspicions(_document(text.removeprefix(_MARK)))))


def plan_of(document: dict[str, Any], text: str = "") -> HostPlan:
    """The plan that a document describes.

    Args:
        document: As tomllib gives it.
        text: What it was read from, for the lines of problems.

    Raises:
        ConfigError: As :func:`parse_config` does.

    """
    faults = list(document_faults(document))
    inheritance = Inheritance(document, {fault.path[:2] for fault in faults if fault.suggestion})
    if not faults:
        inheritance.add_no_camera(document)
    faults += inheritance.faults
    if faults:
        raise ConfigError(_located(text, faults))
    plans: dict[int, tuple[ModelPlan, ...]] = {}  # cameras that share their models share their plans
    return HostPlan(
        tuple(
            CameraPlan(camera_id, plans.setdefault(id(models), _model_plans(models)))
            for camera_id, models in inheritance.cameras.items()
        )
    )


def _model_plans(models: Models) -> tuple[ModelPlan, ...]:
    return tuple(ModelPlan(model_id, *settings) for model_id, settings in models.items())


def _document(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError((_syntax_problem(text, str(error)),)) from None
    except RecursionError:
        problem = _unreadable(text, line_of_unreadable(text), "nested too deeply", SHAPE_ALLOWED)
        raise ConfigError((problem,)) from None
    except ValueError:  # of int(), the only one that tomllib lets through
        problem = _unreadable(text, line_of_unreadable(text), "too many digits", SHAPE_ALLOWED)
        raise ConfigError((problem,)) from None


def _located(text: str, faults: list[Fault]) -> tuple[Problem, ...]:
    """The faults as problems with their lines, sorted by line; those without one come first.

    What is missing has the line of the table that it is missing in.
    """
    places = [fault.path[:-1] if fault.reason == MISSING else fault.path for fault in faults]
    lines = lines_of(text, places)
    problems = [
        Problem(
            lines.get(place),
            show_key(fault.path),
            fault.value,
            fault.reason,
            fault.allowed,
            fault.suggestion,
        )
        for place, fault in zip(places, faults, strict=True)
    ]
    return tuple(sorted(problems, key=lambda problem: problem.line or 0))


def _syntax_problem(text: str, message: str) -> Problem:
    """What tomllib refused; its message ends in its place: "(at line 3, column 7)"."""
    said, _, where = message.rpartition(" (at ")
    reason = next((ours for theirs, ours in _REASONS.items() if said.startswith(theirs)), None)
    if reason is None:
        reason = show_text(said[:1].lower() + said[1:])
    if position := _POSITION.match(where):
        line = int(position["line"])
        reason = f"{reason} (column {position['column']})"
        return _unreadable(text, line, reason, _SYNTAX_ALLOWED, _first_of(text, line, reason))
    last = len(split_lines(text.rstrip()))
    start = line_of_unreadable(text)
    guess = _first_of(text, last, reason)
    if start is not None and start < last:
        guess = f"does what begins on line {start} have its end?"
    return _unreadable(text, last, reason, _SYNTAX_ALLOWED, guess)


def _first_of(text: str, line: int, reason: str) -> str | None:
    """Where the key or table is that the one at ``line`` repeats, if that is what is wrong."""
    if not reason.startswith(tuple(_REASONS.values())):
        return None
    first = line_of_first(text, line)
    return None if first is None else f"the first is on line {first}"


def _unreadable(
    text: str, line: int | None, reason: str, allowed: str, suggestion: str | None = None
) -> Problem:
    """A problem of a text that is not read and so has no keys: its value is the line itself."""
    shown = "" if line is None else show_text(split_lines(text)[line - 1].strip())
    return Problem(line, "", shown, reason, allowed, suggestion)

"""Which cameras there are, by the states of their agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import ruth
from doubles.stepped_agent import SteppedAgent
from ruth.errors import InvalidIdError
from ruth.identity import STATE_NAME

if TYPE_CHECKING:
    from conftest import Roots


def test_cameras_and_their_models(roots: Roots) -> None:
    """All that have a state, in the order of their ids, with what their models may have, and who lives."""
    with (
        SteppedAgent(roots, {"person": 5, "plate": None}, "b"),
        SteppedAgent(roots, {"plate": 2}, "a") as dead,
    ):
        dead.die()
        (roots.state / "c").mkdir()
        (roots.state / ".launchers").mkdir()
        (roots.state / "file").write_text("")
        found = ruth.cameras(state_root=str(roots.state))
        assert [(one.camera_id, one.alive, one.problem) for one in found] == [
            ("a", False, None),
            ("b", True, None),
        ]
        models = [[(model.model_id, model.max_fps) for model in one.models] for one in found]
        assert models == [[("plate", 2)], [("person", 5), ("plate", None)]]
        assert [one.camera_id for one in ruth.cameras("person", state_root=str(roots.state))] == ["b"]
        assert [one.camera_id for one in ruth.cameras("plate", state_root=str(roots.state))] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "only just been started"),
        (b"\x09" + bytes(500), "state version 9"),
        (None, "not a regular file"),
    ],
)
def test_a_state_that_is_not_used_says_why(roots: Roots, content: bytes | None, problem: str) -> None:
    """Of a record that is refused nothing is said but the reason."""
    path = roots.state / "a" / STATE_NAME
    path.parent.mkdir(parents=True)
    if content is None:
        path.symlink_to("/dev/null")
    else:
        path.write_bytes(content)
    (camera,) = ruth.cameras(state_root=str(roots.state))
    assert (camera.alive, camera.models) == (False, ())
    assert problem in (camera.problem or "") or content is None


def test_no_root_is_no_camera(roots: Roots) -> None:
    """Nothing was launched here yet; a wrong id is an error all the same."""
    assert ruth.cameras(state_root=str(roots.state / "missing")) == ()
    with pytest.raises(InvalidIdError):
        ruth.cameras("a/b", state_root=str(roots.state))

from __future__ import annotations

import time
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.configurations import problem, problems
from launch.prepare.config.inherit import Inheritance
from launch.prepare.config.plan import ConfigError, ModelPlan, parse_config, plan_of
from launch.prepare.config.rules import CAMERAS_MAX
from ruth.agent.state import MODELS_MAX

BASE = """\
[models]
person = { max_fps = 5 }
plate = { max_fps = 2.5 }
"""
PERSON, PLATE = ModelPlan("person", 5), ModelPlan("plate", 2.5)


def models(text: str) -> dict[str, tuple[ModelPlan, ...]]:
    """The models of each camera, in the order of the plan."""
    return {camera.camera_id: camera.models for camera in parse_config(text).cameras}


def test_a_camera_that_says_nothing_has_the_models_of_all() -> None:
    """[models] is what every camera has, in its order."""
    assert models(BASE + "[cameras]\na = {}\n[cameras.b]\n") == dict.fromkeys("ab", (PERSON, PLATE))


def test_a_camera_says_what_differs_key_by_key() -> None:
    """A camera's max_fps leaves its inherited active as it is, and the other way round."""
    text = """
        [models]
        person = { max_fps = 5, active = false }
        plate = { max_fps = 2.5 }
        [cameras.a.models]
        person = { max_fps = 10 }
        plate = { active = false }
    """
    assert models(text)["a"] == (ModelPlan("person", 10, False), ModelPlan("plate", 2.5, False))


def test_an_empty_table_changes_nothing() -> None:
    """A camera that names a model with {} has it as inherited; a model of its own gets every frame."""
    found = models(BASE + "[cameras.a.models]\nperson = {}\naudit = {}\n")
    assert found["a"] == (PERSON, PLATE, ModelPlan("audit"))


def test_false_leaves_a_model_out() -> None:
    """A camera is without a model of all; the others keep it."""
    found = models(BASE + "[cameras]\na = { models = { plate = false } }\nb = {}\n")
    assert found == {"a": (PERSON,), "b": (PERSON, PLATE)}


def test_false_takes_a_cap_away() -> None:
    """``max_fps = false`` gives every frame where a cap is inherited."""
    found = models(BASE + "[cameras.a.models]\nperson = { max_fps = false }\n")
    assert found["a"] == (ModelPlan("person"), PLATE)


def test_a_camera_that_only_a_group_names_exists() -> None:
    """Cameras come in the order in which the file names them, wherever it does."""
    text = BASE + '[groups.g]\ncameras = ["c", "a"]\n[cameras]\nb = {}\na = {}\n'
    assert list(models(text)) == ["c", "a", "b"]


def test_a_camera_goes_over_its_group_and_the_group_over_all() -> None:
    """The camera's own value counts before the group's, the group's before that of [models]."""
    text = """
        [models]
        person = { max_fps = 1 }
        plate = { max_fps = 1 }
        face = { max_fps = 1 }
        [groups.night]
        cameras = ["a", "b"]
        models = { plate = { max_fps = 2 }, face = { max_fps = 2 } }
        [cameras.a.models]
        face = { max_fps = 3 }
    """
    assert [model.max_fps for model in models(text)["a"]] == [1, 2, 3]
    assert [model.max_fps for model in models(text)["b"]] == [1, 2, 2]


def test_a_camera_takes_back_what_its_group_leaves_out() -> None:
    """A model that the group leaves out is there again, with what the camera says and nothing else."""
    text = BASE + '[groups.g]\ncameras = ["a"]\nmodels.plate = false\n[cameras.a.models]\nplate = {}\n'
    assert models(text)["a"] == (PERSON, ModelPlan("plate"))


def test_groups_need_no_models_of_all() -> None:
    """Without [models] a group is what its cameras have."""
    text = '[groups.g]\ncameras = ["a", "b"]\nmodels = { person = { max_fps = 5 } }\n'
    assert models(text) == dict.fromkeys("ab", (PERSON,))


def test_a_group_may_be_empty() -> None:
    """A list without a camera changes nothing."""
    assert models(BASE + "[groups.g]\ncameras = []\n[cameras]\na = {}\n") == {"a": (PERSON, PLATE)}


@pytest.mark.parametrize("order", ["g1 g2", "g2 g1"])
def test_groups_that_name_other_models_add_up_in_any_order(order: str) -> None:
    """A camera in two groups has what both say; which one comes first in the file changes no value."""
    groups = {
        "g1": '[groups.g1]\ncameras = ["a"]\nmodels.person.max_fps = 9\n',
        "g2": '[groups.g2]\ncameras = ["a"]\nmodels.plate = false\n',
    }
    assert models(BASE + "".join(groups[name] for name in order.split()))["a"] == (ModelPlan("person", 9),)


def test_two_groups_of_a_camera_that_name_the_same_model_are_refused() -> None:
    """It is one problem for each model and group, however many cameras are in both."""
    found = problem(
        BASE
        + '[groups.day]\ncameras = ["a", "b"]\nmodels.plate.max_fps = 3\n'
        + '[groups.night]\ncameras = ["a", "b"]\nmodels.plate.max_fps = 4\n'
    )
    assert (found.line, found.key) == (9, "groups.night.models.plate")
    assert found.reason == "camera 'a' is in group 'day' too, which names it as well"


@pytest.mark.parametrize("name", ["persom", "persn", "persson", "perosn", "Person", "erson", "persons"])
def test_a_slip_of_a_model_of_all_is_refused(name: str) -> None:
    """One letter other, less, more or swapped, or another case, is no model of a camera's own."""
    found = problem(BASE + f"[cameras.yard.models]\n{name} = {{ max_fps = 10 }}\n")
    assert (found.line, found.key) == (5, f"cameras.yard.models.{name}")
    assert found.reason == f"model '{name}' of camera 'yard' is not in [models]"
    assert found.suggestion == "did you mean 'person'?"


@pytest.mark.parametrize("name", ["audit", "person2", "person-v2", "face", "plate-eu", "licence"])
def test_a_model_that_is_no_slip_may_be_a_cameras_own(name: str) -> None:
    """Other names, and other versions of one, are models that only this camera has."""
    assert models(BASE + f"[cameras.yard.models]\n{name} = {{}}\n")["yard"][-1] == ModelPlan(name)


def test_a_near_name_is_allowed_once_models_names_it() -> None:
    """``name = false`` in [models] gives it to no camera, and says that it is meant."""
    text = "[models]\nboat = { max_fps = 5 }\ngoat = false\n[cameras]\na = { models.goat = {} }\nb = {}\n"
    found = models(text)
    assert [[model.model_id for model in camera] for camera in found.values()] == [["boat", "goat"], ["boat"]]


def test_a_slip_in_a_group_is_refused_and_names_the_group() -> None:
    """A group is held to the same rule as a camera."""
    found = problem(BASE + '[groups.g]\ncameras = ["a"]\nmodels.plat = { max_fps = 1 }\n')
    assert found.reason == "model 'plat' of group 'g' is not in [models]"


def test_a_slip_of_a_groups_model_is_refused() -> None:
    """What a camera's group names counts as [models] does."""
    text = '[groups.g]\ncameras = ["a"]\nmodels.audit = {}\n[cameras.a.models]\naudti = {}\n'
    found = problem(text)
    assert found.reason == "model 'audti' of camera 'a' is not in a group of the camera"
    assert found.suggestion == "did you mean 'audit'?"


@pytest.mark.parametrize(
    ("own", "suggestion"),
    [("plat = false", "did you mean 'plate'?"), ("number-plate = false", None), ("zebra = false", None)],
)
def test_false_needs_something_to_leave_out(own: str, suggestion: str | None) -> None:
    """To leave out a model that nothing gives is a slip, and never passes for having left one out."""
    found = problem(BASE + f"[cameras.a.models]\n{own}\n")
    assert found.reason == f"camera 'a' has no model '{own.split(maxsplit=1)[0]}' to leave out"
    assert found.suggestion in (suggestion, "did you mean 'plate'?")


@pytest.mark.parametrize("own", ["person = false", "max_fps = false", "active = false"])
def test_without_anything_inherited_false_is_refused(own: str) -> None:
    """Cameras alone inherit nothing, so that there is nothing to leave out."""
    assert {each.line for each in problems(f"[cameras.a.models]\nplate = {{}}\n{own}\n")} == {3}


@pytest.mark.parametrize(
    "text",
    [
        BASE + "audit = {}\n[cameras.a.models]\naudit = { max_fps = false }\n",
        BASE + "[cameras.a.models]\naudit = { max_fps = false }\n",
        BASE + '[groups.g]\ncameras = ["a"]\nmodels.audit.max_fps = false\n',
        "[models]\np = { max_fps = false }\n[cameras]\na = {}\n",
        "[cameras.a.models]\np = { max_fps = false }\n",
    ],
)
def test_max_fps_false_needs_a_cap_to_take_away(text: str) -> None:
    """Where no cap is inherited, false is not a cap either."""
    assert problem(text).reason == "a boolean, not a number"


@pytest.mark.parametrize(
    ("text", "line", "key", "reason"),
    [
        ("[cameras.a.models]\nperson = false\nplate = false", 4, "cameras.a.models", "no model is left"),
        ('[groups.g]\ncameras = ["a"]\nmodels = { person = false, plate = false }', 4, "groups.g",
         "no models for camera 'a'"),
    ],
)  # fmt: skip
def test_a_camera_without_a_model_is_refused(text: str, line: int, key: str, reason: str) -> None:
    """A camera from which everything is left out would be a process for nothing."""
    found = problem(BASE + text)
    assert (found.line, found.key, found.reason) == (line, key, reason)


def test_a_camera_that_says_nothing_where_nothing_is_inherited_is_refused() -> None:
    """The models are missing, as they always were."""
    assert problem("[models]\n[cameras]\na = {}\n").reason == "missing"


def test_models_without_cameras_are_refused() -> None:
    """A file that names no camera is not a configuration of a host, whatever its groups are."""
    assert problem(BASE).text("f").startswith("f: cameras: missing")
    assert problem(BASE + "[cameras]\n").reason == "no camera"
    assert problem(BASE + "[groups.g]\ncameras = []\n").reason == "no camera"


def test_a_camera_has_as_many_models_as_its_state_has_room_for_with_those_inherited() -> None:
    """What is inherited counts."""
    base = "[models]\n" + "".join(f"m{number} = {{}}\n" for number in range(MODELS_MAX))
    assert len(models(base + "[cameras]\na = {}\n")["a"]) == MODELS_MAX
    assert len(models(base + "[cameras.a.models]\nm1 = false\nother = {}\n")["a"]) == MODELS_MAX
    found = problem(base + "[cameras.a.models]\nother = {}\n")
    assert found.reason == f"{MODELS_MAX + 1} models with those inherited"
    found = problem(base + '[groups.g]\ncameras = ["a", "b"]\nmodels.other = {}\n')
    assert found.reason == f"{MODELS_MAX + 1} models for camera 'a'"


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ('"a b"', "camera id: contains ' '"),
        ('".."', "camera id: begins with '.'"),
        ("5", "a number, not a string"),
        ('"a"', "named twice"),
        ("{}", "a table, not a string"),
    ],
)
def test_each_camera_of_a_list_is_checked_and_has_its_own_line(item: str, reason: str) -> None:
    """A list of several lines names the line of the item, not that of the list."""
    found = problem(BASE + f'[groups.g]\ncameras = [\n  "a", # one\n  "b",\n  "c", {item},\n]\n')
    assert (found.line, found.key) == (8, "groups.g.cameras")
    assert found.reason.startswith(reason)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ('[groups.g]\ncameras = "a"\n', 'write cameras = ["a"]'),
        ('[groups.g]\ncamera = ["a"]\n', "did you mean 'cameras'?"),
        ('[groups.g]\ncameras = ["a"]\nmax_fps = 5\n',
         "it belongs to a model: person = { max_fps = 5 } in [groups.g.models]"),
        ('[groups.g]\ncameras = ["a"]\nplate = false\n', "did you mean groups.g.models.plate?"),
        ('[group.g]\ncameras = ["a"]\n', "did you mean 'groups'?"),
        ('[night]\ncameras = ["a"]\n', "did you mean [groups.night]?"),
        ('[groups.a.b]\ncameras = ["a"]\n', 'an id with dots needs quotes: [groups."a.b"]'),
        ("[cameras.192.168.1.10]\n", 'an id with dots needs quotes: [cameras."192.168.1.10"]'),
        ("[cameras.a]\nplate = false\n", "did you mean cameras.a.models.plate?"),
        ("[cameras.a.models]\nplate = true\n", "did you mean plate = {}?"),
        ("[cameras.a.models]\nplate.max_fps = inf\n",
         "leave max_fps out for every frame; write max_fps = false where one is inherited"),
    ],
)  # fmt: skip
def test_what_is_in_the_wrong_place_is_shown_the_right_one(text: str, suggestion: str) -> None:
    """Slips in groups, and in cameras that inherit, come with what was meant."""
    assert suggestion in [each.suggestion for each in problems(BASE + text)]


def test_slips_and_faults_of_shape_come_at_once() -> None:
    """A wrong cap hides no slip in another camera, and a wrong key no contradiction of groups."""
    found = problems(
        BASE
        + "[cameras]\n"
        + "a = { models.person.max_fps = 0 }\n"
        + "b = { models.persom = {} }\n"
        + "c = { modles = {} }\n"
        + '[groups.g]\ncameras = ["d"]\nmodels.plate = {}\n'
        + '[groups.h]\ncameras = ["d"]\nmodels.plate = {}\n'
    )
    assert [each.line for each in found] == [5, 6, 7, 13]


def test_cameras_that_differ_in_nothing_share_their_models() -> None:
    """A host of a thousand cameras that are alike holds their models once."""
    cameras = parse_config(BASE + '[groups.g]\ncameras = ["a", "b"]\n[cameras]\nc = {}\nd = {}\n').cameras
    assert len({id(camera.models) for camera in cameras}) == 2


def test_more_cameras_than_a_host_can_have_are_one_problem() -> None:
    """The limit bounds what a file of a few megabytes can come to."""
    many = [f"c{number}" for number in range(CAMERAS_MAX + 1)]
    inheritance = Inheritance({"models": {"p": {}}, "groups": {"g": {"cameras": many}}})
    assert [fault.reason for fault in inheritance.faults] == [f"{CAMERAS_MAX + 1} cameras"]


def test_the_largest_host_with_models_of_its_own_each_is_worked_out_in_time() -> None:
    """Every camera with its own change of 63 inherited models: a few seconds, not minutes."""
    document = {
        "models": {f"m{number}": {} for number in range(MODELS_MAX)},
        "cameras": {f"c{number}": {"models": {"m1": False}} for number in range(CAMERAS_MAX // 10)},
    }
    started = time.process_time()
    assert len(plan_of(document).cameras) == CAMERAS_MAX // 10
    assert time.process_time() - started < 20


FIXED = st.fixed_dictionaries
ENTRY = FIXED({}, optional={"max_fps": st.sampled_from([1, 2.5]), "active": st.booleans()})
NAMES = st.sampled_from(["one", "second", "thirdly"])


@given(st.dictionaries(st.sampled_from("abc"), st.dictionaries(NAMES, ENTRY, min_size=1), min_size=1))
def test_cameras_alone_mean_what_they_say(cameras: dict[str, dict[str, dict[str, object]]]) -> None:
    """Without [models] and groups each camera has exactly its own table, as it always had."""
    plan = plan_of({"cameras": {camera_id: {"models": own} for camera_id, own in cameras.items()}})
    assert {camera.camera_id: camera.models for camera in plan.cameras} == {
        camera_id: tuple(ModelPlan(model_id, **settings) for model_id, settings in own.items())
        for camera_id, own in cameras.items()
    }


CHANGE = st.one_of(st.just(False), ENTRY)


@given(
    st.dictionaries(NAMES, ENTRY, min_size=1),
    st.dictionaries(NAMES, CHANGE),
    st.dictionaries(NAMES, CHANGE),
)
def test_inheritance_is_three_tables_over_each_other(
    base: dict[str, dict[str, object]], group: dict[str, object], own: dict[str, object]
) -> None:
    """What comes out is what a reader of the one sentence works out with dict.update."""
    document = {
        "models": base,
        "groups": {"g": {"cameras": ["a"], "models": group}},
        "cameras": {"a": {"models": own}},
    }
    expected: dict[str, dict[str, object]] = {}
    for layer in (base, group, own):
        for model_id, entry in layer.items():
            if isinstance(entry, dict):
                expected.setdefault(model_id, {}).update(entry)
            else:
                expected.pop(model_id, None)
    try:
        (camera,) = plan_of(document).cameras
    except ConfigError as error:
        reasons = {each.reason for each in error.problems}
        assert all("to leave out" in reason or reason.startswith("no model") for reason in reasons)
        return
    assert {model.model_id: (model.max_fps, model.active) for model in camera.models} == {
        model_id: (entry.get("max_fps"), entry.get("active", True)) for model_id, entry in expected.items()
    }


def test_a_document_of_any_kind_is_passed_over() -> None:
    """Values of wrong types are the business of the rules of shape: here they do no harm."""
    text = "models = 1\ngroups = [2]\ncameras = 'x'\n"
    assert Inheritance(tomllib.loads(text)).faults == []
    Inheritance(
        {"groups": {"g": 1, "h": {"cameras": [{}], "models": 5}}, "cameras": {"a": 1, "b": {"models": 2}}}
    )


def test_what_groups_come_to_is_judged_for_cameras_that_say_nothing() -> None:
    """A camera's own models make up for what its group lacks, and leave out what is too much."""
    assert models('[groups.g]\ncameras = ["a"]\n[cameras.a.models]\np = {}\n') == {"a": (ModelPlan("p"),)}
    base = "[models]\n" + "".join(f"m{number} = {{}}\n" for number in range(MODELS_MAX))
    text = base + '[groups.g]\ncameras = ["a"]\nmodels.other = {}\n[cameras.a.models]\nm0 = false\n'
    assert len(models(text)["a"]) == MODELS_MAX


def test_ids_of_any_length_are_shown_cut() -> None:
    """What is said about a file is bounded, whatever its names are."""
    long = "x" * 100_000
    text = f'[models]\n{long}y = {{}}\n[groups.{long}]\ncameras = ["{long}"]\nmodels = {{ {long} = false }}\n'
    assert all(len(each.text("ruth.toml")) < 500 for each in problems(text))

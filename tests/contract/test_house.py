from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conftest import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

TOP_LEVEL = {"pyproject.toml", "ruth", "launch", "tests", "docs", "README.md"}
LINES_MAX = 400

# Emoji and the pictographs next to them, the selector that turns others into one, flags and keycaps.
EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b1b\u2b1c\u2b50\u2b55\u231a\u231b\u23e9-\u23fa\ufe0f\u20e3]"
)

# What only a process does, by the names it is called by. Everything of these modules, or single functions.
PROCESS_MODULES = {
    "asyncio",
    "concurrent",
    "http",
    "logging",
    "multiprocessing",
    "queue",
    "sched",
    "select",
    "selectors",
    "signal",
    "socket",
    "socketserver",
    "subprocess",
    "_thread",
    "threading",
    "urllib",
}
PROCESS_CALLS = re.compile(
    r"os\.(_exit|abort|exec\w+|fork\w*|kill\w*|nice|pidfd_open|popen|posix_spawnp?|register_at_fork|setpriority"
    r"|spawn\w+|startfile|system|wait\w*)|time\.sleep|sys\.exit|atexit\.register"
)

PROCESS_CALLS_C = re.compile(
    r"\b(_?exit|abort|clone3?|exec\w+|v?fork|kill|killpg|\w*sleep|popen|posix_spawnp?|pthread_\w+|raise|sigaction"
    r"|signal|system|thrd_\w+|timer_\w+|waitp?id|wait)\s*\("
)

# What changes a file, a name or a memory map, by the names it is called by.
WRITING_CALLS = re.compile(
    r"os\.(f?chmod|[fl]?chown|copy_file_range|fdopen|f?truncate|link|makedirs|mkdir|mkfifo|mknod|posix_fallocate"
    r"|pwritev?|remove\w*|renames?|replace|rmdir|sendfile|setxattr|symlink|unlink|utime|writev?"
    r"|O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE))|(\w+\.)?(PROT_WRITE|ACCESS_WRITE|ACCESS_COPY)"
)
WRITING_METHODS = {
    "mkdir",
    "rename",
    "rmdir",
    "symlink_to",
    "touch",
    "unlink",
    "write_bytes",
    "write_text",
}
WRITING_MODULES = {"shutil", "tempfile", "shelve", "sqlite3", "dbm", "pickle"}


def project_files() -> list[Path]:
    """Every file that is tracked or could be; without Git, each outside folders that begin with a dot."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
    )
    if listed.returncode == 0 and listed.stdout:
        names = listed.stdout.decode().rstrip("\0").split("\0")
    else:
        names = [str(path.relative_to(PROJECT)) for path in PROJECT.rglob("*")]
        names = [name for name in names if not name.startswith(".") and "__pycache__" not in name]
    files = (PROJECT / name for name in names)
    return sorted({file for file in files if file.is_file()})


FILES = project_files()


def modules_of(package: str) -> list[Path]:
    """The modules of a package, the shell script included."""
    return [file for file in FILES if file.is_relative_to(PROJECT / package)]


def python_of(package: str) -> list[Path]:
    """The modules of a package that are Python's."""
    return [file for file in modules_of(package) if file.suffix == ".py"]


def tree_of(module: Path) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(module.read_text(encoding="utf-8"))


def imported_by(tree: ast.Module) -> Iterator[str]:
    """The top names of what a module imports, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def names_used(tree: ast.Module) -> Iterator[str]:
    """Names like ``os.fork``, whether taken as an attribute or imported by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def writes(tree: ast.Module) -> Iterator[str]:
    """What in a module can change a file, or map one for writing."""
    yield from (name for name in imported_by(tree) if name in WRITING_MODULES)
    yield from (name for name in names_used(tree) if WRITING_CALLS.fullmatch(name))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in WRITING_METHODS:
            yield called
        elif called == "mmap" and not any("PROT_READ" in ast.dump(argument) for argument in node.args):
            yield "mmap() without PROT_READ"
        elif called == "open" and getattr(getattr(node.func, "value", None), "id", "") != "os":
            modes = node.args[1:2] + [word.value for word in node.keywords if word.arg == "mode"]
            if any(not isinstance(mode, ast.Constant) or set(str(mode.value)) - set("rbt") for mode in modes):
                yield "open() for writing"


def test_the_top_level_is_what_the_specification_allows() -> None:
    """Beside files and folders that begin with a dot there are six entries, and each is there."""
    found = {file.relative_to(PROJECT).parts[0] for file in FILES}
    assert {name for name in found if not name.startswith(".")} == TOP_LEVEL


def test_no_text_contains_an_emoji() -> None:
    """No file of the project contains an emoji, written out or as an escape of one."""
    found = []
    for file in FILES:
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # not text
        if file != Path(__file__):
            text += "".join(chr(int(code, 16)) for code in re.findall(r"\\U000([0-9a-fA-F]{5})", text))
        found += [(str(file.relative_to(PROJECT)), match) for match in EMOJI.findall(text)]
    assert found == []


def test_an_emoji_would_be_found() -> None:
    """The pattern of the test above knows an emoji, and leaves arrows, boxes and blocks alone."""
    for emoji in ("\U0001f600", "\u2705", "\u26a0\ufe0f", "1\ufe0f\u20e3", "\U0001f1e6"):
        assert EMOJI.search(emoji)
    assert not EMOJI.search("\u2190\u2192\u2500\u2502\u2580\u2588\u28ff\u00b7\u2026\u03bc\u00d7")


@pytest.mark.parametrize("package", ["ruth", "launch"])
def test_no_module_is_too_long(package: str) -> None:
    """No module of ruth or launch has more than 400 lines."""
    lengths = {
        str(file.relative_to(PROJECT)): len(file.read_text(encoding="utf-8").splitlines())
        for file in modules_of(package)
    }
    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines > LINES_MAX} == {}


def test_ruth_contains_no_process() -> None:
    """Nothing in ruth forks, sleeps, waits for a process, handles a signal, or has a thread, queue or log.

    One module knows asyncio: it serves users of it, in their loop (decision 0011).
    """
    found = []
    for module in python_of("ruth"):
        tree = tree_of(module)
        found += [(module.name, name) for name in imported_by(tree) if name in PROCESS_MODULES]
        found += [(module.name, name) for name in names_used(tree) if PROCESS_CALLS.fullmatch(name)]
    assert found == [("async_frames.py", "asyncio")]


def test_libruth_contains_no_process() -> None:
    """Nor does the C library, which is in a process of the user's."""
    sources = {file.name: file.read_text() for file in modules_of("ruth") if file.suffix == ".c"}
    assert sources
    code = {name: re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL) for name, text in sources.items()}
    assert [(name, found[0]) for name, text in code.items() if (found := PROCESS_CALLS_C.search(text))] == []


def test_only_runtimes_wait() -> None:
    """Below ruth nothing waits on a futex, except in ruth/runtime, which is in a process of the user's."""
    found = {
        str(module.relative_to(PROJECT / "ruth"))
        for module in python_of("ruth")
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "wait"
    }
    assert {name for name in found if not name.startswith("runtime/")} == {"futex.py"}


def test_only_vas_writes() -> None:
    """Below ruth nothing opens, makes, changes, renames or removes a file, except in ruth/vas."""
    found = [
        (str(module.relative_to(PROJECT)), what)
        for module in python_of("ruth")
        if not module.is_relative_to(PROJECT / "ruth" / "vas")
        for what in writes(tree_of(module))
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.open('a', os.O_RDWR)",
        "from os import unlink",
        "open('a', 'w')",
        "open('a', mode='r+b')",
        "open('a', mode)",
        "from pathlib import Path\nPath('a').write_text('b')",
        "import mmap\nmmap.mmap(3, 4096)",
        "from mmap import mmap\nmmap(3, 4096, MAP_SHARED, PROT_WRITE | PROT_READ, PROT_WRITE)\nmmap(3, 4096)",
        "from mmap import ACCESS_WRITE",
        "import shutil",
    ],
)
def test_a_writing_module_would_be_found(code: str) -> None:
    """The search of the test above finds each way of writing that Python offers without detours."""
    assert list(writes(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.open('a', os.O_RDONLY | os.O_CLOEXEC)\nos.pread(3, 4, 0)\nos.close(3)",
        "open('a')\nopen('a', 'rb')\nopen('a', mode='r', encoding='ascii')",
        "from mmap import mmap\nmmap(3, 4096, MAP_SHARED, PROT_READ)",
    ],
)
def test_a_reading_module_would_not(code: str) -> None:
    """The search leaves alone what only reads."""
    assert list(writes(ast.parse(code))) == []


def test_a_silent_failure_names_its_rule() -> None:
    """Where every exception is caught, the line names the rule of docs/specification.md that makes it silent.

    What is passed on is not caught. The end of a process may catch BaseException, with its reason.
    """
    found = []
    for module in [*python_of("ruth"), *python_of("launch")]:
        lines = module.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(tree_of(module)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = "" if node.type is None else ast.unparse(node.type)
            line = lines[node.lineno - 1]
            passed_on = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            reason = (
                "BLE001 - "
                if caught == "BaseException" and "launch" in module.parts
                else "docs/specification.md"
            )
            if not passed_on and caught in ("", "Exception", "BaseException") and reason not in line:
                found.append(f"{module.relative_to(PROJECT)}:{node.lineno}: {line.strip()}")
    assert found == []


def test_no_folder_is_a_drawer() -> None:
    """Every folder and module is a domain or a role: none is called util, helpers, common, misc or base."""
    drawers = {"util", "utils", "helper", "helpers", "common", "misc", "base", "shared", "lib", "tools"}
    found = [
        file
        for package in ("ruth", "launch")
        for file in modules_of(package)
        if drawers & {part.removesuffix(".py") for part in file.relative_to(PROJECT).parts}
    ]
    assert found == []

"""The ``ruth`` command: verbs, their options, and nothing that a verb does.

Data goes to stdout, messages to stderr. Exit codes: :mod:`launch.exits`. Each verb imports what it needs when
it runs, so that a launcher and its agents hold nothing of the others.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import stat
import sys
from typing import TYPE_CHECKING, NoReturn

from launch.exits import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE
from ruth import __version__
from ruth.errors import InvalidIdError
from ruth.identity import export_root, state_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch.config.plan import HostPlan
    from ruth.core import RuthCore

_CONFIG_BYTES_MAX = 16 * 1024 * 1024
_CONFIG_HELP = "the cameras and models of this host, a ruth.toml"


class UsageError(Exception):
    """Wrong usage or a wrong configuration; its text is for the user, exit code 2."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb. Returns its exit code; never a traceback for what a user can do wrong."""
    _open_standard_descriptors()
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except UsageError as error:
        _message(str(error))
        return EXIT_USAGE
    except InvalidIdError as error:
        _message(f"ruth: {error}")
        return EXIT_USAGE
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            where = f"{error.filename}: " if error.filename else ""
            _message(f"ruth: {where}{error.strerror or error}")
        _leave_broken_stdout()
        return EXIT_FAILURE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ruth",
        description="Per-camera AI frame tap: one process a camera decides which frames a model may have.",
        epilog="Exit codes: 0 ok, 1 failure, 2 wrong usage or configuration, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"ruth {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)

    demo = _verb(verbs, "demo", _run_demo, "see it work: real video, agents, one of them killed")
    demo.add_argument("--cameras", type=_count, default=None, metavar="N", help="how many (default 4)")
    demo.add_argument("--seconds", type=_seconds, default=20.0, metavar="S", help="how long (default 20)")
    demo.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="SRC",
        help="a file, an rtsp:// address or 'test'; may be repeated (default: test)",
    )
    demo.add_argument("--json", action="store_true", help="print only the summary, as one object")

    up = _verb(verbs, "up", _run_up, "launch the agents that are not alive yet")
    up.add_argument("config", metavar="CONFIG", help=_CONFIG_HELP)
    up.add_argument("-d", "--detach", action="store_true", help="return once they are launched")

    down = _verb(verbs, "down", _run_down, "end live agents (SIGTERM), all or some")
    down.add_argument("cameras", nargs="*", metavar="CAMERA", help="which (default: all)")

    agent = _verb(verbs, "agent", _run_agent, "run one agent in the foreground, tracebacks visible")
    agent.add_argument("camera", metavar="CAMERA", help="which of the configuration")
    agent.add_argument("-c", "--config", required=True, metavar="CONFIG", help=_CONFIG_HELP)

    check = _verb(verbs, "check", _run_check, "validate a configuration: every error at once")
    check.add_argument("config", metavar="CONFIG", help=_CONFIG_HELP)

    ps = _verb(verbs, "ps", _run_ps, "the per-camera processes, once")
    ps.add_argument("-c", "--config", metavar="CONFIG", help="list its cameras too, started or not")
    ps.add_argument("--json", action="store_true", help="print an array, one object a camera")

    vas = _verb(verbs, "vas", _run_vas, "the stand-in video server: decode, record, export")
    vas.epilog = (
        "Frames are exported only with AI_FRAME_EXPORT_ENABLED=true (1, yes, on) in the environment,"
        " below VAS_EXPORT_ROOT (default /dev/shm/vas)."
    )
    vas.add_argument(
        "sources",
        nargs="+",
        metavar="CAMERA=SOURCE",
        help="SOURCE is a file, rtsp://HOST/PATH, or 'test' (test:WxH@FPS)",
    )
    vas.add_argument("--recordings", metavar="DIR", help="keep the recordings there")
    vas.add_argument("--once", action="store_true", help="play files once, not over and over")
    vas.add_argument("--seconds", type=_seconds, metavar="S", help="end after so long")
    vas.add_argument(
        "--export-version",
        type=int,
        choices=(1, 2),
        default=2,
        help="2, or 1 to export as the frozen VAS does (default 2)",
    )
    vas.add_argument("--json", action="store_true", help="print the summary as one object")
    return parser


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: object, text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number from 1 to 64")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86400 * 365:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number of seconds above 0")
    return value


def _run_up(options: argparse.Namespace) -> int:
    core = _core(_plan(options.config))
    from launch.host import run_launcher

    return run_launcher(core, _export_root(), _state_root(), detach=options.detach)


def _run_agent(options: argparse.Namespace) -> NoReturn:
    plan = _plan(options.config)
    agent = _core(plan).agent(options.camera)
    if agent is None:
        known = ", ".join(camera.camera_id for camera in plan.cameras)
        raise UsageError(f"ruth: camera {options.camera!r} is not in {options.config}; it has: {known}")
    from launch.agent_process import run
    from launch.state_file import AlreadyRunningError, claim
    from launch.title import set_title

    try:
        state = claim(_state_root(), agent.camera_id, len(agent.subscriptions))
    except AlreadyRunningError:
        _message(f"ruth: {agent.camera_id}: has a live agent, left alone")
        raise SystemExit(EXIT_FAILURE) from None
    except OSError as error:
        _message(f"ruth: {agent.camera_id}: {error.filename or 'agent.state'}: {error.strerror}")
        raise SystemExit(EXIT_FAILURE) from None
    _message(f"ruth: {agent.camera_id}: agent {os.getpid()} in the foreground, Ctrl-C ends it")
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends it as any signal does, without a traceback
    set_title(f"ruth: agent {agent.camera_id}")
    run(agent, state, _export_root(), launcher_pid=0)


def _run_down(options: argparse.Namespace) -> int:
    from launch.down import down

    downed = down(_state_root(), options.cameras)
    for one in downed:
        if one.problem:
            _message(f"ruth: {one.camera_id}: {one.problem}")
        elif one.pid is None:
            _message(f"ruth: {one.camera_id}: no live agent")
        elif one.ended:
            sys.stdout.write(f"{one.camera_id}: agent {one.pid} ended\n")
        else:
            _message(
                f"ruth: {one.camera_id}: agent {one.pid} was told to end and has not"
                f" (is it stopped? kill -9 {one.pid})"
            )
    if not downed:
        _message("ruth: no live agents")
    launchers = sorted({str(one.launcher_pid) for one in downed if one.launcher_pid})
    if launchers:
        _message(f"ruth: launched by {', '.join(launchers)}, which stays until it is ended itself (SIGTERM)")
    return EXIT_OK if all(one.ended for one in downed) else EXIT_FAILURE


def _run_check(options: argparse.Namespace) -> int:
    plan = _plan(options.config)
    models = sum(len(camera.models) for camera in plan.cameras)
    sys.stdout.write(f"{options.config}: ok, cameras: {len(plan.cameras)}, subscriptions: {models}\n")
    return EXIT_OK


def _run_ps(options: argparse.Namespace) -> int:
    configured = [camera.camera_id for camera in _plan(options.config).cameras] if options.config else []
    from launch.inspect import view_all
    from launch.ps import as_json, as_table

    views = view_all(_state_root(), configured)
    sys.stdout.write(as_json(views) if options.json else as_table(views))
    return EXIT_OK


def _run_vas(options: argparse.Namespace) -> int:
    from launch.vas.ffmpeg import FFmpegMissingError, find_ffmpeg
    from launch.vas.process import run_vas
    from launch.vas.source import SourceError, parse_sources

    try:
        summary = run_vas(
            parse_sources(options.sources),
            ffmpeg=find_ffmpeg(os.environ),
            recordings=options.recordings,
            once=options.once,
            seconds=options.seconds,
            environ=os.environ,
            err=sys.stderr,
            export_version=options.export_version,
        )
    except SourceError as error:
        raise UsageError("\n".join(f"ruth: {problem}" for problem in error.problems)) from None
    except FFmpegMissingError as error:
        _message(f"ruth: {error}")
        return EXIT_FAILURE
    sys.stdout.write(json.dumps(summary.as_json()) + "\n" if options.json else summary.as_text())
    return EXIT_FAILURE if summary.failed else EXIT_OK


def _run_demo(options: argparse.Namespace) -> int:
    from launch.demo.live import LiveTable
    from launch.demo.run import CAMERA_NAMES, DemoError, DemoPlan, run_demo
    from launch.vas.ffmpeg import FFmpegMissingError, find_ffmpeg
    from launch.vas.source import SourceError, parse_sources

    given = options.source or ["test"]
    count = options.cameras or max(4, len(given))
    cameras = tuple(
        CAMERA_NAMES[index] if index < len(CAMERA_NAMES) else f"camera-{index + 1}" for index in range(count)
    )
    sources = tuple(f"{camera}={given[index % len(given)]}" for index, camera in enumerate(cameras))
    table = LiveTable(sys.stderr if options.json else sys.stdout)
    try:
        parse_sources(sources)
        find_ffmpeg(os.environ)
        summary = run_demo(DemoPlan(cameras, sources, options.seconds), table.show)
    except SourceError as error:
        raise UsageError("\n".join(f"ruth: {problem}" for problem in error.problems)) from None
    except BrokenPipeError:  # whoever read the table has gone: main() knows what to do
        raise
    except (FFmpegMissingError, DemoError, OSError) as error:
        _message(f"ruth: {error}")
        return EXIT_FAILURE
    sys.stdout.write(json.dumps(summary.as_json()) + "\n" if options.json else summary.as_text())
    return EXIT_OK


def _plan(path: str) -> HostPlan:
    from launch.config.plan import ConfigError, parse_config

    try:
        text = _read_regular(path).decode()
    except OSError as error:
        raise UsageError(f"ruth: {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"ruth: {path}: not UTF-8 at byte {error.start}") from None
    try:
        return parse_config(text)
    except ConfigError as error:
        raise UsageError("\n".join(problem.text(path) for problem in error.problems)) from None


def _read_regular(path: str) -> bytes:
    """A file that is one: neither a FIFO, which would block, nor a device, which would never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"ruth: {path}: not a regular file")
        if status.st_size > _CONFIG_BYTES_MAX:
            raise UsageError(f"ruth: {path}: {status.st_size} bytes, at most {_CONFIG_BYTES_MAX}")
        return file.read()


def _core(plan: HostPlan) -> RuthCore:
    from ruth.core import RuthCore

    core = RuthCore()
    for camera in plan.cameras:
        for model in camera.models:
            core.subscribe(camera.camera_id, model.model_id, model.max_fps, model.active)
    return core


def _export_root() -> str:
    return os.path.abspath(export_root(os.environ))


def _state_root() -> str:
    return os.path.abspath(state_root(os.environ))


def _message(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - messages go to stderr
    except OSError:
        return  # nobody reads; the exit code still says it


def _open_standard_descriptors() -> None:
    """Puts /dev/null where 0 to 2 are closed, as under some daemons: the next file would get the number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
            setattr(sys, name, os.fdopen(null, "r" if number == 0 else "w"))


def _leave_broken_stdout() -> None:
    """Whoever read stdout has gone: keep the interpreter from complaining at exit (signal(7), SIGPIPE)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    sys.exit(main())

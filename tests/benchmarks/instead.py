"""The same agents in processes made by multiprocessing instead of by ``ruth up``: spawn, and forkserver.

    python -m benchmarks.instead METHOD EXPORT_ROOT STATE_ROOT CAMERA...

Says the same lines as ``ruth up`` and then waits for SIGTERM, upon which it ends its agents.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from typing import NoReturn

from benchmarks.readers import agent_of
from launch.agent.confine.confinement import Confinement
from launch.agent.native.library import load
from launch.agent.process import AgentProcess
from launch.launcher.claim import claim


def host(camera: str, export_root: str, state_root: str) -> NoReturn:
    """What runs in one agent's process."""
    agent = agent_of(camera)
    state = claim(state_root, camera, len(agent.subscriptions))
    confinement = Confinement(export_root, state)
    confinement.limit()
    prepared = confinement.prepare(camera)
    native, _ = load()
    process = AgentProcess(agent, export_root, prepared, native)
    process.run(state, os.getppid())


def main() -> None:
    """Starts the processes, and waits."""
    method, export_root, state_root, *cameras = sys.argv[1:]
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        multiprocessing.set_forkserver_preload(
            ["benchmarks.instead"]
        )  # its best form: everything is imported once
    processes = [context.Process(target=host, args=(camera, export_root, state_root)) for camera in cameras]
    for process in processes:
        process.start()
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))  # only now: start() unblocks it
    for camera, process in zip(cameras, processes, strict=True):
        sys.stdout.write(f"{camera}: agent {process.pid}\n")
    sys.stdout.flush()
    signal.sigwait((signal.SIGTERM,))
    for process in processes:
        process.kill()
    for process in processes:
        process.join()


if __name__ == "__main__":
    main()

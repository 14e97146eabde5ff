"""``ruth completion``: a script that completes verbs, options and cameras (:mod:`launch.cli.completion`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from launch.exits import EXIT_OK

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("shell", metavar="SHELL", choices=("bash", "fish", "zsh"), help="bash, fish or zsh")
    parser.epilog = (
        "To use it: source <(ruth completion bash), in ~/.bashrc; or zsh, in ~/.zshrc;"
        " ruth completion fish | source, in ~/.config/fish/config.fish."
    )


def run(options: argparse.Namespace) -> int:
    """Prints a script for that shell."""
    from launch.cli.completion.bash import bash_script
    from launch.cli.completion.fish import fish_script
    from launch.cli.completion.grammar import grammar
    from launch.cli.completion.zsh import zsh_script

    script = {"bash": bash_script, "fish": fish_script, "zsh": zsh_script}[options.shell]
    sys.stdout.write(script(grammar()))
    return EXIT_OK

"""Completion for zsh. Pure: a grammar in, a script out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from launch.cli.completion.grammar import ANYTHING, CAMERAS, CAMERAS_OR_FILES, FILES, FOLDERS, SOURCES, WORDS
from ruth.identity import (
    EXPORT_ROOT_DEFAULT,
    EXPORT_ROOT_VARIABLE,
    STATE_ROOT_DEFAULT,
    STATE_ROOT_VARIABLE,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch.cli.completion.grammar import Option, Positional, Value, VerbGrammar

_SCRIPT: Final = """\
#compdef ruth
# Completion of ruth for zsh, written by `ruth completion zsh`: a file _ruth in a folder of $fpath, or
#     source <(ruth completion zsh)

_ruth_cameras() {{
    setopt localoptions extendedglob
    local -aU cameras
    cameras=(${{{state}:-{state_default}}}/*(N/:t) ${{{export}:-{export_default}}}/*(N/:t))
    cameras=(${{(M)cameras:#[A-Za-z0-9][A-Za-z0-9._-]#}})
    compadd "$@" -a cameras
}}

_ruth_cameras_or_files() {{
    _ruth_cameras "$@" || _files "$@"
}}

_ruth_sources() {{
    if compset -P '*='; then
        _alternative 'words:source:(test)' 'files:file:_files'
    else
        _ruth_cameras "$@" -qS =
    fi
}}

_ruth() {{
    local curcontext=$curcontext state line
    local -A opt_args
    _arguments -C \\
        '(- *)'{{-h,--help}}'[show the help]' \\
        '(- *)--version[show the version]' \\
        '1:verb:->verb' \\
        '*::argument:->argument'
    case $state in
        verb)
            local -a verbs
            verbs=(
{verbs}
            )
            _describe -t verbs verb verbs
            ;;
        argument)
            case $words[1] in
{cases}
            esac
            ;;
    esac
}}

if [[ $funcstack[1] == _ruth ]]; then
    _ruth "$@"
else
    compdef _ruth ruth
fi
"""
_ACTIONS: Final = {
    CAMERAS: "_ruth_cameras",
    FILES: "_files",
    CAMERAS_OR_FILES: "_ruth_cameras_or_files",
    FOLDERS: "_files -/",
    SOURCES: "_ruth_sources",
    ANYTHING: " ",
}


def zsh_script(verbs: Sequence[VerbGrammar]) -> str:
    """A script to be sourced, or to be found by compinit."""
    return _SCRIPT.format(
        state=STATE_ROOT_VARIABLE,
        state_default=STATE_ROOT_DEFAULT,
        export=EXPORT_ROOT_VARIABLE,
        export_default=EXPORT_ROOT_DEFAULT,
        verbs="\n".join(f"                {_quoted(f'{verb.name}:{_plain(verb.text)}')}" for verb in verbs),
        cases="\n".join(_case(verb) for verb in verbs),
    )


def _case(verb: VerbGrammar) -> str:
    specs = [spec for option in verb.options for spec in _option(option)]
    specs += [_positional(index, positional) for index, positional in enumerate(verb.positionals, 1)]
    lines = " \\\n".join(f"                        {_quoted(spec)}" for spec in specs)
    return f"                {verb.name})\n                    _arguments \\\n{lines}\n                    ;;"


def _option(option: Option) -> list[str]:
    """One spec a name; each name rules out the others, or itself where it may be given once only."""
    value = "" if option.value is None else f":{option.value.name}:{_action(option.value)}"
    excluded = "*" if option.repeats else f"({' '.join(option.names)})"
    return [f"{excluded}{name}[{_plain(option.text)}]{value}" for name in option.names]


def _positional(index: int, positional: Positional) -> str:
    return f"{'*' if positional.repeats else index}:{positional.value.name}:{_action(positional.value)}"


def _action(value: Value) -> str:
    return f"({' '.join(value.words)})" if value.kind == WORDS else _ACTIONS[value.kind]


def _plain(text: str) -> str:
    """``text`` without what _arguments and _describe take for their own."""
    for special in ("\\", "[", "]", ":"):
        text = text.replace(special, f"\\{special}")
    return text.replace("%%", "%")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"

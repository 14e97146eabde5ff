"""Completion for fish. Pure: a grammar in, a script out.

Only names that are camera ids are taken from a folder, as in the other shells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from launch.cli.completion.grammar import (
    ANYTHING,
    CAMERAS,
    CAMERAS_OR_FILES,
    FILES,
    FOLDERS,
    SOURCES,
    WORDS,
)
from ruth.identity import (
    EXPORT_ROOT_DEFAULT,
    EXPORT_ROOT_VARIABLE,
    ID_LENGTH_MAX,
    STATE_ROOT_DEFAULT,
    STATE_ROOT_VARIABLE,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from launch.cli.completion.grammar import Option, Value, VerbGrammar

_SCRIPT: Final = r"""# Completion of ruth for fish, written by `ruth completion fish`:
#     ruth completion fish | source

function __ruth_cameras
    set -l roots {state_default} {export_default}
    test -n "${state}"; and set roots[1] "${state}"
    test -n "${export}"; and set roots[2] "${export}"
    for root in $roots
        for path in $root/*/
            set -l name (string trim -r -c / -- "$path" | string collect)
            set name (string replace -r '(?s).*/' '' -- "$name" | string collect)
            string match -qr '\A[A-Za-z0-9][A-Za-z0-9._-]{{0,{rest}}}\z' -- "$name"; and echo $name
        end
    end | sort -u
end

# A camera, an equals sign, and what it is to show: `test` or a file.
function __ruth_sources
    set -l parts (string split -m1 = -- (commandline -ct))
    if set -q parts[2]
        echo $parts[1]=test
        for path in $parts[2]*
            echo $parts[1]=$path
        end
    else
        __ruth_cameras | string replace -r '$' =
    end
end

# Whether the first argument is the verb, and what is typed is its argument of this number, counted from 0; of
# that or a later one, for a number and a plus sign; of any, for none. The rest are options that take a value.
function __ruth_at
    set -l words (commandline -opc)
    set -e words[1]
    set -l values $argv
    set -e values[1..2]
    set -l verb
    set -l given 0
    set -l is_value 0
    for word in $words
        if test $is_value = 1
            set is_value 0
        else if test -z "$verb"
            string match -q -- '-*' $word; or set verb $word
        else if contains -- $word $values
            set is_value 1
        else if not string match -q -- '-*' $word
            set given (math $given + 1)
        end
    end
    test "$verb" = "$argv[1]"; or return 1
    if test -z "$argv[2]"
        return 0
    end
    test $is_value = 0; or return 1
    if string match -q '*+' -- $argv[2]
        test $given -ge (string trim -r -c + -- $argv[2])
    else
        test $given = $argv[2]
    end
end

complete -c ruth -e
complete -c ruth -f
complete -c ruth -n "__ruth_at ''" -s h -l help -d 'show the help'
complete -c ruth -n "__ruth_at ''" -l version -d 'show the version'
{lines}
"""
_ACTIONS: Final = {
    CAMERAS: "-x -a '(__ruth_cameras)'",
    CAMERAS_OR_FILES: "-r -F -a '(__ruth_cameras)'",
    FILES: "-r -F",
    FOLDERS: "-x -a '(__fish_complete_directories)'",
    SOURCES: "-x -a '(__ruth_sources)'",
    ANYTHING: "-x",
}


def fish_script(verbs: Sequence[VerbGrammar]) -> str:
    """A script to be sourced by fish 3.1 or newer."""
    return _SCRIPT.format(
        state=STATE_ROOT_VARIABLE,
        state_default=STATE_ROOT_DEFAULT,
        export=EXPORT_ROOT_VARIABLE,
        export_default=EXPORT_ROOT_DEFAULT,
        rest=ID_LENGTH_MAX - 1,
        lines="\n".join(line for verb in verbs for line in _verb(verb)),
    )


def _verb(verb: VerbGrammar) -> Iterator[str]:
    values = [name for option in verb.options if option.value is not None for name in option.names]
    yield f"complete -c ruth -n \"__ruth_at ''\" -a {verb.name} -d {_quoted(verb.text)}"
    for option in verb.options:
        yield f"complete -c ruth -n {_quoted(_at(verb.name, '', values))} {_option(option)}"
    for index, positional in enumerate(verb.positionals):
        place = f"{index}+" if positional.repeats else str(index)
        action = _ACTIONS[ANYTHING] if positional.value.kind == ANYTHING else _action(positional.value)
        yield f"complete -c ruth -n {_quoted(_at(verb.name, place, values))} {action.removeprefix('-r ')}"


def _at(verb: str, place: str, values: Sequence[str]) -> str:
    """The condition of a line: ``__ruth_at ps '0+' -c --config``."""
    return " ".join(["__ruth_at", verb, f"'{place}'", *values])


def _option(option: Option) -> str:
    names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
    value = "" if option.value is None else f" {_action(option.value)}"
    return f"{names}{value} -d {_quoted(option.text.replace('%%', '%'))}"


def _action(value: Value) -> str:
    return f"-x -a {_quoted(' '.join(value.words))}" if value.kind == WORDS else _ACTIONS[value.kind]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"

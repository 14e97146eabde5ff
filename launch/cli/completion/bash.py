"""Completion for bash. Pure: a grammar in, a script out.

Only names that are camera ids are taken from a folder: bash evaluates the words of ``compgen -W``, so that a
folder called ``$(reboot)`` would be a command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from launch.cli.completion.grammar import ANYTHING, CAMERAS, CAMERAS_OR_FILES, FILES, FOLDERS, SOURCES, WORDS
from ruth.identity import (
    EXPORT_ROOT_DEFAULT,
    EXPORT_ROOT_VARIABLE,
    ID_LENGTH_MAX,
    STATE_ROOT_DEFAULT,
    STATE_ROOT_VARIABLE,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from launch.cli.completion.grammar import Value, VerbGrammar

_SCRIPT: Final = """\
# Completion of ruth for bash, written by `ruth completion bash`:
#     source <(ruth completion bash)

_ruth_cameras() {{
    local root path name
    shopt -u failglob
    for root in "${{{state}:-{state_default}}}" "${{{export}:-{export_default}}}"; do
        for path in "$root"/*/; do
            name=${{path%/}}
            name=${{name##*/}}
            [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9._-]{{0,{rest}}}$ ]] && printf '%s\\n' "$name"
        done
    done
}}

_ruth() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}}
    local verb= word words= kind={anything} given=0 is_value= assigned= i
    COMPREPLY=()
    compopt +o default
    if [[ $cur == = ]]; then
        cur= assigned=1
    elif [[ $prev == = ]]; then
        prev=${{COMP_WORDS[COMP_CWORD - 2]}} assigned=1
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${{COMP_WORDS[i]}}
        if [[ -z $verb ]]; then
            [[ $word == -* ]] || verb=$word
        elif [[ $word == = ]]; then
            continue
        elif [[ -n $is_value ]]; then
            is_value=
        else
            case $verb:$word in
{takes_value}
                *:-*) ;;
                *) ((given++)) ;;
            esac
        fi
    done
    if [[ -z $verb ]]; then
        kind={words_kind} words='{verbs} --help --version'
    else
        case $verb:$prev in
{values}
            *)
                case $verb in
{verbs_cases}
                esac
                ;;
        esac
    fi
    case $kind in
        {files}) compopt -o default ;;
        {folders}) compopt -o dirnames ;;
        {cameras}) mapfile -t COMPREPLY < <(compgen -W "$(_ruth_cameras)" -- "$cur" | sort -u) ;;
        {either})
            compopt -o default
            mapfile -t COMPREPLY < <(compgen -W "$(_ruth_cameras)" -- "$cur" | sort -u)
            ;;
        {sources})
            if [[ -n $assigned ]]; then
                compopt -o filenames
                mapfile -t COMPREPLY < <(compgen -W test -- "$cur"; compgen -f -- "$cur")
            else
                compopt -o nospace
                mapfile -t COMPREPLY < <(compgen -S = -W "$(_ruth_cameras)" -- "$cur" | sort -u)
            fi
            ;;
        {words_kind}) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur") ;;
    esac
}}

complete -o default -F _ruth ruth
"""


def bash_script(verbs: Sequence[VerbGrammar]) -> str:
    """A script to be sourced by bash 4.4 or newer."""
    return _SCRIPT.format(
        state=STATE_ROOT_VARIABLE,
        state_default=STATE_ROOT_DEFAULT,
        export=EXPORT_ROOT_VARIABLE,
        export_default=EXPORT_ROOT_DEFAULT,
        rest=ID_LENGTH_MAX - 1,
        verbs=" ".join(verb.name for verb in verbs),
        takes_value="\n".join(_takes_value(verbs)),
        values="\n".join(_values(verbs)),
        verbs_cases="\n".join(_verb(verb) for verb in verbs),
        anything=ANYTHING,
        cameras=CAMERAS,
        either=CAMERAS_OR_FILES,
        files=FILES,
        folders=FOLDERS,
        sources=SOURCES,
        words_kind=WORDS,
    )


def _takes_value(verbs: Sequence[VerbGrammar]) -> Iterator[str]:
    for verb in verbs:
        names = [f"{verb.name}:{name}" for option in verb.options if option.value for name in option.names]
        if names:
            yield f"                {' | '.join(names)}) is_value=1 ;;"


def _values(verbs: Sequence[VerbGrammar]) -> Iterator[str]:
    for verb in verbs:
        for option in verb.options:
            if option.value is not None:
                names = " | ".join(f"{verb.name}:{name}" for name in option.names)
                yield f"            {names}) {_setting(option.value)} ;;"


def _verb(verb: VerbGrammar) -> str:
    names = " ".join(name for option in verb.options for name in option.names)
    lines = [f"                    {verb.name})", "                        case $given:$cur in"]
    lines.append(f"                            *:-*) kind={WORDS} words='{names}' ;;")
    for index, positional in enumerate(verb.positionals):
        place = "*" if positional.repeats else str(index)
        lines.append(f"                            {place}:*) {_setting(positional.value)} ;;")
    lines += ["                        esac", "                        ;;"]
    return "\n".join(lines)


def _setting(value: Value) -> str:
    return f"kind={value.kind} words='{' '.join(value.words)}'" if value.words else f"kind={value.kind}"

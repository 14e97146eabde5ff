"""Rules that C follows are compiled from the Python functions in which they are written.

Such a function is one expression of whole numbers from 0 to 2^64 - 1: comparisons, and, or, not, +, *, %, //,
a choice, constants of its module, and other such functions. That is the same in C, in integers of 128 bits
without a sign, where no sum or product of two such numbers overflows. Anything else is refused here.
"""

from __future__ import annotations

import ast
from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Final

from ruth.errors import RuthError
from ruth.export import pairing, validity
from ruth.export.layout import RECORD_FIELDS, RING_FIELDS, nv12_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ruth.export.layout import Field
    from ruth.export.validity import Rule

    Function = Callable[..., int]

FUNCTIONS: Final[tuple[Function, ...]] = (nv12_size, validity.begins_session, pairing.belongs)
"""Beside those of the rules below."""

RULES: Final = {
    "is_geometry": validity.GEOMETRY_RULES,
    "is_header_of_version_1": validity.HEADER_1_RULES,
    "is_frame_of_version_1": validity.VERSION_1_RULES,
    "is_ring_shape": validity.RING_SHAPE_RULES,
    "is_ring": validity.RING_RULES,
    "is_frame_of_version_2": validity.VERSION_2_RULES,
    "is_frame_in_its_slot": validity.SLOT_RULES,
}
"""What C asks whether it is valid, by the name of the function that says so."""

FILES: Final = ("meta_size", "data_file_size", "data_file_inode")
"""What rules ask about files."""

_COMPARED: Final = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_COMPUTED: Final = {ast.Add: "+", ast.Mult: "*", ast.Mod: "%", ast.FloorDiv: "/"}


class NotCompilableError(RuthError):
    """A rule uses what C would not take the same way; the text says where."""


def definitions(functions: Iterable[Function] = ()) -> str:
    """All of it, in C.

    Args:
        functions: To be compiled beside :data:`FUNCTIONS`.

    """
    lines = ["__extension__ typedef unsigned __int128 wide;\n", _struct("files", FILES)]
    for name, fields in (("frame_record", RECORD_FIELDS), ("ring_header", RING_FIELDS)):
        lines += [_struct(name, [field.name for field in fields]), _unpacking(name, fields)]
    functions = dict.fromkeys(
        [*FUNCTIONS, *functions, *(rule.holds for rules in RULES.values() for rule in rules)]
    )
    lines += [function_in_c(function) for function in functions]
    lines += [_conjunction(name, rules) for name, rules in RULES.items()]
    lines.append(_equality("is_same_ring", "ring_header", validity.SAME_RING_FIELDS))
    return "".join(lines)


def function_in_c(function: Function) -> str:
    """One function, compiled.

    Raises:
        NotCompilableError: It is not of the kind described above.

    """
    name = function.__name__
    *documented, returned = _written_in(function.__code__.co_filename)[name].body
    if len(documented) > 1 or not isinstance(returned, ast.Return) or returned.value is None:
        raise NotCompilableError(f"{name}: more than an expression")
    parameters = ", ".join(f"wide {argument}" for argument in _arguments(function))
    expression = _Expression(function).text(returned.value)
    return f"static inline wide {name}({parameters}) {{\n    return {expression};\n}}\n"


@cache
def _written_in(path: str) -> dict[str, ast.FunctionDef]:
    """The functions of a module, by name."""
    with open(path, "rb") as file:
        tree = ast.parse(file.read())
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _arguments(function: Function) -> tuple[str, ...]:
    code = function.__code__
    return code.co_varnames[: code.co_argcount]


class _Expression:
    """Writes the expressions of one function in C."""

    def __init__(self, function: Function) -> None:
        self._name = function.__name__
        self._known: dict[str, object] = function.__globals__
        self._names = _arguments(function)

    def text(self, node: ast.expr) -> str:
        """An expression, in brackets where it has parts."""
        match node:
            case ast.Name(id=name) if name in self._names:
                return name
            case ast.Name(id=name) if isinstance(self._known.get(name), int):
                return self._number(self._known[name])
            case ast.Constant(value=value):
                return self._number(value)
            case ast.BoolOp(op=op, values=values):
                joint = " && " if isinstance(op, ast.And) else " || "
                return f"({joint.join(map(self.text, values))})"
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return f"!{self.text(operand)}"
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _COMPUTED:
                return f"({self.text(left)} {_COMPUTED[type(op)]} {self.text(right)})"
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return f"({self.text(test)} ? {self.text(body)} : {self.text(orelse)})"
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if self._is_rule(name):
                return f"{name}({', '.join(map(self.text, arguments))})"
            case ast.Compare():
                return f"({' && '.join(self._comparisons(node))})"
        raise NotCompilableError(f"{self._name}: {ast.unparse(node)}")

    def _comparisons(self, node: ast.Compare) -> Iterator[str]:
        left = node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In) and isinstance(right, ast.Tuple):
                yield f"({' || '.join(f'{self.text(left)} == {self.text(one)}' for one in right.elts)})"
            elif type(op) in _COMPARED:
                yield f"{self.text(left)} {_COMPARED[type(op)]} {self.text(right)}"
            else:
                raise NotCompilableError(f"{self._name}: {ast.unparse(node)}")
            left = right

    def _is_rule(self, name: str) -> bool:
        return isinstance(self._known.get(name), FunctionType)

    def _number(self, value: object) -> str:
        if not isinstance(value, int) or not 0 <= value < 2**64:
            raise NotCompilableError(f"{self._name}: {value!r} is not a whole number of 64 bits")
        return f"(wide){int(value)}u"


def _conjunction(name: str, rules: Sequence[Rule]) -> str:
    """Whether all of some rules hold, of a record, a ring and files."""
    places = {field.name: f"ring->{field.name}" for field in RING_FIELDS}
    places |= {field.name: f"record->{field.name}" for field in RECORD_FIELDS}
    places |= {field: f"files->{field}" for field in FILES}
    calls = [
        f"{rule.holds.__name__}({', '.join(places[argument] for argument in _arguments(rule.holds))})"
        for rule in rules
    ]
    used = "".join(calls)
    taken = {"record": "frame_record", "ring": "ring_header", "files": "files"}
    parameters = ", ".join(
        f"const struct {kind} *{place}" for place, kind in taken.items() if f"{place}->" in used
    )
    return f"static inline int {name}({parameters}) {{\n    return {' && '.join(calls)};\n}}\n"


def _equality(name: str, kind: str, fields: Sequence[str]) -> str:
    """Whether two of a kind agree in some fields."""
    compared = " && ".join(f"one->{field} == other->{field}" for field in fields)
    parameters = f"const struct {kind} *one, const struct {kind} *other"
    return f"static inline int {name}({parameters}) {{\n    return {compared};\n}}\n"


def _struct(name: str, fields: Sequence[str]) -> str:
    return f"struct {name} {{\n{''.join(f'    uint64_t {field};{chr(10)}' for field in fields)}}};\n"


def _unpacking(name: str, fields: Sequence[Field]) -> str:
    """What reads the struct out of the bytes of ``frame.meta``, by its offsets."""
    loads = "".join(
        f"        .{field.name} = load{8 * field.size}(bytes, {field.offset}),\n" for field in fields
    )
    signature = f"static inline struct {name} unpack_{name}(const unsigned char *bytes)"
    return f"{signature} {{\n    return (struct {name}){{\n{loads}    }};\n}}\n"

"""The small wrong changes that can be made to a module. Pure: a syntax tree in, mutants out."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias, cast

Node: TypeAlias = ast.AST

_COMPARED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}

_JOINED: Final[dict[type[ast.boolop], type[ast.boolop]]] = {ast.And: ast.Or, ast.Or: ast.And}

_COMPUTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}

_CALLS: Final[dict[str, str]] = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}

_LEFT_ALONE: Final[dict[type[Node], frozenset[str]]] = {
    ast.FunctionDef: frozenset({"decorator_list", "returns"}),
    ast.AsyncFunctionDef: frozenset({"decorator_list", "returns"}),
    ast.ClassDef: frozenset({"decorator_list", "bases", "keywords"}),
    ast.AnnAssign: frozenset({"annotation", "target"}),
    ast.arg: frozenset({"annotation"}),
    ast.FormattedValue: frozenset({"format_spec"}),
    ast.match_case: frozenset({"pattern"}),
}
"""What no mutant touches: types, decorators, patterns and how a figure is printed."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One wrong change.

    Attributes:
        line: where it is made, from 1.
        span: first and last line of the statement around it, without the body of a compound one.
        change: the expression or statement before and after, as source: `a < b → a <= b`.
        apply: makes the change in the tree it was grown from; there is no way back, so it is called in a fork.
    """

    line: int
    span: tuple[int, int]
    change: str
    apply: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node hangs: a field of its parent, or an item of a list in that field."""

    parent: Node
    field: str
    index: int | None

    def put(self, node: Node) -> None:
        """Hang another node here."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def grow(tree: ast.Module) -> list[Mutant]:
    """Every mutant of a module, in the order of its lines; two may read the same (`1 → 2` twice a line)."""
    found: list[Mutant] = []
    for node, place, span in _walk(tree, (1, 1)):
        line = getattr(node, "lineno", span[0])
        for before, after, apply in _changes(node, place):
            change = f"{_source(before)} → {_source(after)}"
            found.append(Mutant(line, span, change, apply))
    return sorted(found, key=lambda mutant: mutant.line)


def _source(node: Node) -> str:
    """A node as one line of source; a compound statement by its head."""
    return ast.unparse(ast.fix_missing_locations(node)).split("\n", 1)[0]


def _walk(node: Node, span: tuple[int, int]) -> Iterator[tuple[Node, _Place, tuple[int, int]]]:
    """Every node that may change, with the place it hangs at and the lines of its statement."""
    left_alone = _LEFT_ALONE.get(type(node), frozenset())
    for field, value in ast.iter_fields(node):
        if field in left_alone:
            continue
        children = cast("list[object]", value if isinstance(value, list) else [value])
        for index, child in enumerate(children):
            if not isinstance(child, ast.AST) or _is_text(child):
                continue
            inner = _span(child) if isinstance(child, ast.stmt) else span
            yield child, _Place(node, field, index if isinstance(value, list) else None), inner
            yield from _walk(child, inner)


def _is_text(node: Node) -> bool:
    """A docstring, or the `...` of a body that is never run."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _span(statement: ast.stmt) -> tuple[int, int]:
    """The lines of a statement up to its body."""
    body: list[ast.stmt] = getattr(statement, "body", [])
    last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
    return statement.lineno, max(statement.lineno, last)


_Change: TypeAlias = tuple[Node, Node, Callable[[], None]]


def _changes(node: Node, place: _Place) -> Iterator[_Change]:
    """What can be done wrong at one node: (before, after, how)."""
    for after in (*_operators(node), *_values(node), *_statements(node)):
        yield node, after, partial(place.put, after)
    if (
        isinstance(node, ast.expr)
        and place.field in {"test", "guard", "ifs"}
        and not isinstance(place.parent, ast.Assert)
    ):
        for after in _conditions(place):
            yield node, after, partial(place.put, after)


def _conditions(place: _Place) -> Iterator[ast.expr]:
    """A condition that always holds, and one that never does (a loop that never ends teaches nothing)."""
    if not isinstance(place.parent, ast.While):
        yield ast.Constant(value=True)
    yield ast.Constant(value=False)


def _operators(node: Node) -> Iterator[ast.expr]:
    """An expression with another operator, without its sign, or with a condition less."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for index, op in enumerate(ops):
                swapped = [*ops[:index], _COMPARED[type(op)](), *ops[index + 1 :]]
                yield ast.Compare(left=left, ops=swapped, comparators=comparators)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(op=_JOINED[type(op)](), values=values)
            for index in range(len(values)):
                rest = values[:index] + values[index + 1 :]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(op=op, values=rest)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _COMPUTED and not _is_string(left, right):
            yield ast.BinOp(left=left, op=_COMPUTED[type(op)](), right=right)
        case _:
            return


def _values(node: Node) -> Iterator[ast.expr]:
    """Another constant, another end of a slice, another choice among many."""
    match node:
        case ast.Constant(value=bool() as value):
            yield ast.Constant(value=not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value=value + 1)
            yield ast.Constant(value=value - 1)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in _CALLS:
            kept = keywords if name != "sorted" else []
            yield ast.Call(func=ast.Name(id=_CALLS[name], ctx=ast.Load()), args=args, keywords=kept)
        case ast.Slice(lower=lower, upper=upper, step=step):
            if lower is not None:
                yield ast.Slice(lower=None, upper=upper, step=step)
            if upper is not None:
                yield ast.Slice(lower=lower, upper=None, step=step)
        case _:
            return


def _is_string(*sides: ast.expr) -> bool:
    """Whether text is joined: taking it apart only raises."""
    return any(
        isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in sides
    )


def _statements(node: Node) -> Iterator[ast.stmt]:
    """The statements that may stand in the place of one."""
    match node:
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield ast.Return(value=ast.Constant(value=None))
        case ast.AugAssign(target=target, op=op, value=value) if type(op) in _COMPUTED:
            yield ast.AugAssign(target=target, op=_COMPUTED[type(op)](), value=value)
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.Raise() | ast.Delete():
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
        case _:
            return


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None

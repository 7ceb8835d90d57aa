"""The page about Python: public classes with their signatures and docstrings, read from the source."""

import ast
import dataclasses
import inspect
from types import ModuleType
from typing import Any

import bucketlens
import core.library
from core.domain import query
from core.domain.filtering import filters
from core.errors import BucketLensError
from infra.reference.rendering import cell, paragraphs

_FIRST = (
    "Library",
    "Found",
    "Query",
    "QueryOptions",
    "TextTerm",
    "ImageTerm",
    "LikeTerm",
    "Weights",
    "SearchResult",
    "Hit",
    "Filter",
)
TYPES: dict[str, ModuleType] = {
    "Picture": core.library,
    "Texts": core.library,
    "Term": query,
    "Sort": query,
    "Condition": filters,
}


def public() -> list[Any]:
    """The public classes and functions, the most used first, without the errors."""
    named = {name: getattr(bucketlens, name, None) or getattr(query, name) for name in (*_FIRST, *bucketlens.__all__)}
    return [each for each in named.values() if not (isinstance(each, type) and issubclass(each, BucketLensError))]


def page() -> str:
    aliases = "\n".join(_alias(name, source_of) for name, source_of in TYPES.items())
    return "\n\n".join(
        [
            "# Python reference",
            "The names of the package `bucketlens`. [Python](../python.md) explains them with examples, and "
            "[Errors](errors.md) lists what can be raised.",
            *(_class(each) if isinstance(each, type) else _function(each) for each in public()),
            f"## Types\n\n```python\n{aliases}\n```",
        ]
    )


def _function(function: Any) -> str:
    source = ast.parse(inspect.getsource(function)).body[0]
    assert isinstance(source, ast.FunctionDef)
    return "\n\n".join([f"## {source.name}", _python(_signature(source, False)), _docstring(source)])


def _class(cls: type) -> str:
    source = _source(cls)
    fields = _fields(cls) if dataclasses.is_dataclass(cls) else []
    parts = [f"## {cls.__name__}", _python(_called(cls.__name__, fields)) if fields else "", _docstring(source)]
    parts.append(_meanings(cls))
    for part in source.body:
        if isinstance(part, ast.FunctionDef) and not part.name.startswith("_") and ast.get_docstring(part):
            decorators = [ast.unparse(each) for each in part.decorator_list]
            parts += [
                f"### {cls.__name__}.{part.name}",
                _python(_signature(part, "property" in decorators)),
                _docstring(part),
            ]
    return "\n\n".join(part for part in parts if part)


def _source(cls: type) -> ast.ClassDef:
    source = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(source, ast.ClassDef)
    return source


def _fields(cls: Any) -> list[str]:
    """The fields of a dataclass as parameters, with those of its bases."""
    told = {
        ast.unparse(part.target): part
        for base in reversed(cls.__mro__)
        if "__dataclass_fields__" in vars(base)
        for part in _source(base).body
        if isinstance(part, ast.AnnAssign)
    }
    fields = dataclasses.fields(cls)
    positional = [_parameter(told[each.name]) for each in fields if not each.kw_only]
    by_keyword = [_parameter(told[each.name]) for each in fields if each.kw_only]
    return [*positional, *(["*"] if by_keyword else []), *by_keyword]


def _parameter(part: ast.AnnAssign) -> str:
    told = f"{ast.unparse(part.target)}: {ast.unparse(part.annotation)}"
    value: ast.expr | None = part.value
    if isinstance(value, ast.Call):  # field(default=…), or what is made anew for each object
        value = next((each.value for each in value.keywords if each.arg == "default"), ast.Constant(...))
    return told if value is None else f"{told} = {ast.unparse(value)}"


def _meanings(cls: Any) -> str:
    """A table of the fields that say themselves what they mean."""
    fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    own = [each for each in fields if each.name in cls.__annotations__ and "description" in each.metadata]
    rows = [f"| `{each.name}` | {cell(each.metadata['description'])} |" for each in own]
    return "\n".join(["| field | meaning |", "| --- | --- |", *rows]) if rows else ""


def _signature(function: ast.FunctionDef, is_property: bool) -> str:
    answer = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    if is_property:
        return f"{function.name}{answer}"
    given = function.args
    given.args = [each for each in given.args if each.arg not in ("self", "cls")]
    parameters: list[str] = []
    unset = len(given.args) - len(given.defaults)
    for n, each in enumerate(given.args):
        parameters.append(ast.unparse(each) + (f" = {ast.unparse(given.defaults[n - unset])}" if n >= unset else ""))
    if given.vararg:
        parameters.append(f"*{ast.unparse(given.vararg)}")
    elif given.kwonlyargs:
        parameters.append("*")
    for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        parameters.append(ast.unparse(each) + (f" = {ast.unparse(default)}" if default else ""))
    parameters += [f"**{ast.unparse(given.kwarg)}"] if given.kwarg else []
    return _called(function.name, parameters) + answer


def _called(name: str, parameters: list[str]) -> str:
    """On one line, or with one parameter a line where that is too long."""
    line = f"{name}({', '.join(parameters)})"
    return line if len(line) <= 90 else "\n".join([f"{name}(", *(f"    {each}," for each in parameters), ")"])


def _alias(name: str, module: ModuleType) -> str:
    """The line of the module that says what a name of a type stands for."""
    for part in ast.parse(inspect.getsource(module)).body:
        if isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == name:
            return ast.unparse(part).replace("'", '"')
    raise LookupError(f"{module.__name__} has no type {name}")


def _python(code: str) -> str:
    return "```python\n" + code.replace("'", '"') + "\n```"


def _docstring(part: ast.ClassDef | ast.FunctionDef) -> str:
    return paragraphs(ast.get_docstring(part))

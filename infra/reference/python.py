"""The page about Python: public classes with their signatures and docstrings, read from the source."""

import ast
import dataclasses
import inspect
from types import ModuleType
from typing import Any

import bucketlens
import core.library
from core.domain import filters, query
from core.errors import BucketLensError
from infra.reference.rendering import paragraphs

_FIRST = ("Library", "Found", "Query", "TextTerm", "ImageTerm", "LikeTerm", "Weights", "SearchResult", "Hit", "Filter")
TYPES: dict[str, ModuleType] = {
    "Picture": core.library,
    "Texts": core.library,
    "Term": query,
    "Sort": query,
    "Condition": filters,
}


def public() -> list[Any]:
    """The public classes and functions, the most used first, without the errors."""
    named = {name: getattr(bucketlens, name) for name in (*_FIRST, *bucketlens.__all__)}
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
    source = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(source, ast.ClassDef)
    fields = [_field(part) for part in source.body if dataclasses.is_dataclass(cls) and isinstance(part, ast.AnnAssign)]
    parts = [f"## {cls.__name__}", _python(_called(cls.__name__, fields)) if fields else "", _docstring(source)]
    for part in source.body:
        if isinstance(part, ast.FunctionDef) and not part.name.startswith("_") and ast.get_docstring(part):
            decorators = [ast.unparse(each) for each in part.decorator_list]
            parts += [
                f"### {cls.__name__}.{part.name}",
                _python(_signature(part, "property" in decorators)),
                _docstring(part),
            ]
    return "\n\n".join(part for part in parts if part)


def _field(part: ast.AnnAssign) -> str:
    told = f"{ast.unparse(part.target)}: {ast.unparse(part.annotation)}"
    if part.value is None:
        return told
    return f"{told} = {'...' if isinstance(part.value, ast.Call) else ast.unparse(part.value)}"


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
    parameters += ["*"] if given.kwonlyargs and not given.vararg else []
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

"""The page about errors: the tree of core.errors, with exit codes and the API's answers."""

from collections.abc import Iterator

from core.errors import BucketLensError, InvalidQuery
from infra.reference.rendering import cell, first_sentence
from search_ui.api import api_errors


def error_classes(root: type[BucketLensError] = BucketLensError) -> Iterator[type[BucketLensError]]:
    """The tree, every class before those that are made from it."""
    yield root
    for child in root.__subclasses__():
        if child.__module__.startswith("core.errors"):
            yield from error_classes(child)


def page() -> str:
    rows = []
    for cls in error_classes():
        kind = cls.__base__.__name__ if cls is not BucketLensError and cls.__base__ else ""
        when = cell(first_sentence(cls.__dict__.get("__doc__")))
        rows.append(f"| `{cls.__name__}` | {f'`{kind}`' if kind else ''} | {when} | {cls.exit_code} | {_answer(cls)} |")
    return "\n\n".join(
        [
            "# Errors",
            "Everything that BucketLens raises on purpose. A message says what happened, why, and what to do next. "
            "Programs import those that they handle from `bucketlens`.",
            "*Exit code* is what a command ends with. *HTTP* is the status and the code of the API's answer: "
            "500 `internal` where none is named.",
            "\n".join(["| error | is a | when | exit code | HTTP |", "| --- | --- | --- | --- | --- |", *rows]),
            "The API has errors of its own beside these: a missing token, too many requests, a body of another shape. "
            "[HTTP API](http-api.md#statuses) lists their statuses.",
        ]
    )


def _answer(cls: type[BucketLensError]) -> str:
    """How the API answers with such an error, where it is not its own fault."""
    error = cls.__new__(cls)
    BucketLensError.__init__(error, "")
    if isinstance(error, InvalidQuery):
        error.field, error.given, error.takes = "", "", ""
    refusal = api_errors.of(error)
    return "" if refusal.status == 500 else f"{refusal.status} `{refusal.code}`"

"""One of every error and of every hint, found by walking the trees of their classes."""

import inspect
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from core.domain.image import ImageRef
from core.errors import BucketLensError, Notice, hints
from core.errors.hints import Hint, Name

COMMAND = re.compile(r"`(bucketlens|pip|make) |(^|[\s`(])--[a-z]")
"""What only the command line and the page may tell."""

_REF = ImageRef("file:///photos", "a.jpg", "file:///photos/a.jpg", "e", 1, datetime.now(UTC))
_GIVEN: dict[str, Any] = {
    "ref": _REF,
    "setting": "captioner",
    "names": ("s3_profile", "model"),
    "text": "see that {} and {} are right",
    "hint": None,
    "seconds": 20.0,
    "waited_s": 2.0,
    "expiry_s": 30.0,
    "free": 1,
    "needed": 2**28,
}


def every_error() -> list[BucketLensError]:
    """One error of every class of the tree, and of every one in two forms where it has two."""
    from core import errors

    kinds = [kind for kind in _below(BucketLensError) if kind.__module__.startswith("core.errors")]
    made = [_make(kind) for kind in (BucketLensError, *kinds)]
    return [*made, errors.ModelMismatch("m", "m"), errors.LibraryError("broken", hints.TRUST_LIST)]


def every_hint() -> list[Hint]:
    """One hint of every kind."""
    return [_make(kind) for kind in get_args(Hint)] + [hints.TryAgain("free some space"), hints.TRUST_LIST]


def every_notice() -> list[Notice]:
    """A notice with a hint of every kind."""
    return [Notice("something was left out", hint) for hint in every_hint()]


def every_name() -> tuple[Name, ...]:
    """The settings and arguments that hints may name."""
    return get_args(Name)


def _below(kind: type[BucketLensError]) -> Iterator[type[BucketLensError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _make(kind: Any) -> Any:
    """An object of the class; arguments that are not named above get a text or a path, as they are annotated."""
    given = {}
    for name, parameter in inspect.signature(kind).parameters.items():
        path = "Path" in str(parameter.annotation)
        given[name] = _GIVEN.get(name, Path("/some where") if path else f"the {name}")
    return kind(**given)

"""The caller asked for something that cannot be."""

from pathlib import Path

from core.errors.base import BucketLensError
from core.errors.hints import AddCaptions, Advice, Hint, InstallPackage


class UsageError(BucketLensError):
    """What was asked for cannot be; asking the same again fails again."""

    exit_code = 2


class InvalidQuery(UsageError):
    """A query or filter that cannot be asked: which field, what was given, what it takes."""

    def __init__(self, field: str, given: object, takes: str) -> None:
        super().__init__(f"{field}: got {given!r}, takes {takes}")
        self.field = field
        self.given = given
        self.takes = takes


class InvalidSetting(UsageError):
    """A setting, or an argument of a run, that cannot be: its name, what was given, what it takes."""

    def __init__(self, name: str, given: object, takes: str, hint: Hint | None = None) -> None:
        super().__init__(f"setting {name}: got {given!r}, takes {takes}", hint)
        self.name = name
        self.given = given
        self.takes = takes


class InvalidCaptionFile(UsageError):
    """A file of captions that cannot be read: where in it (a line, an entry), what is wrong, what it takes."""

    def __init__(self, path: Path, where: str | None, problem: str, takes: str) -> None:
        place = f", {where}" if where else ""
        super().__init__(f"caption file {path}{place}: {problem}", Advice(f"a caption file is {takes}"))
        self.path = path
        self.where = where


class InvalidVectors(UsageError):
    """A file of vectors, or of their names, that cannot be imported."""

    def __init__(self, path: Path, problem: str, hint: Hint | None = None) -> None:
        super().__init__(f"{path} {problem}", hint)
        self.path = path
        self.problem = problem


class ArchiveRefused(UsageError):
    """A file that the mirror of a library cannot be exported to, or imported from."""

    def __init__(self, path: Path, problem: str, hint: Hint | None = None) -> None:
        super().__init__(f"{path} {problem}", hint)
        self.path = path
        self.problem = problem


class PackageMissing(BucketLensError):
    """A package is not installed: which one, what for, and the extra of BucketLens that holds it, if one does."""

    def __init__(self, package: str, what: str, extra: str | None = None) -> None:
        super().__init__(f"{what} takes the package {package}, which is not installed", InstallPackage(package, extra))
        self.package = package


class NothingKnown(BucketLensError):
    """A library whose searches cannot be evaluated, for want of captions that people wrote."""

    exit_code = 2

    def __init__(self, data: Path) -> None:
        super().__init__(
            f"no picture of the library in {data} has a caption that people wrote, so there is nothing to judge its "
            "searches by",
            AddCaptions(data),
        )
        self.data = data

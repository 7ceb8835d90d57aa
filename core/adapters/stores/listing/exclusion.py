"""The patterns of files that a person wants left out: gitignore's rules, by pathspec."""

import re
from collections.abc import Sequence
from functools import lru_cache

from pathspec import GitIgnoreSpec

from core.errors import InvalidSetting
from core.errors.hints import Advice

_TAKES = "a pattern by the rules of gitignore, such as *.gif, raw/ or /2019/private/"
_FOLDERS_REMEMBERED = 4096


class Exclusion:
    """Tells what patterns leave out. Paths are relative to the source, with "/" between their parts.

    As in git, the last pattern that fits decides, and nothing below an excluded folder comes back. Case matters.
    """

    def __init__(self, patterns: Sequence[str] = (), root: str = "") -> None:
        """Compile the patterns. Raises InvalidSetting for one that could never fit anything.

        `root` is the source's own path, with which people may begin a pattern by mistake.
        """
        for pattern in patterns:
            if problem := _find_problem(pattern, root.rstrip("/")):
                raise InvalidSetting("exclude", pattern, _TAKES, Advice(problem))
        compiled = GitIgnoreSpec.from_lines(patterns).patterns
        self._rules = [(bool(rule.include), rule.regex) for rule in reversed(compiled) if rule.regex is not None]
        self._folder_is_excluded = lru_cache(_FOLDERS_REMEMBERED)(self._match_folder)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def excludes_folder(self, path: str) -> bool:
        """Tell whether a folder, or one that it lies in, is left out. "" is the source itself."""
        return bool(path and self._rules) and self._folder_is_excluded(path.rstrip("/"))

    def excludes(self, path: str) -> bool:
        """Tell whether a file, or a folder that it lies in, is left out."""
        return bool(self._rules) and (self.excludes_folder(path.rpartition("/")[0]) or self._match(path))

    def _match_folder(self, path: str) -> bool:
        return self.excludes_folder(path.rpartition("/")[0]) or self._match(f"{path}/")

    def _match(self, path: str) -> bool:
        """Match a path alone, that of a folder with "/" behind it, by the last rule that fits all of it.

        GitIgnoreSpec.match_file looks at all folders above a path at once, in which `!*/` does not count as in git.
        """
        is_folder = path.endswith("/")
        for include, regex in self._rules:
            for found in regex.finditer(path):
                whole = found.end() == len(path)
                # a rule fits the folder at whose "/" its group ends, or without that group what lies below its end
                if whole if found.lastgroup is not None else not (is_folder and whole):
                    return include
        return False


def _find_problem(pattern: str, root: str) -> str | None:
    """Say what to write instead of a pattern that is none, or that fits nothing; None for a good one."""
    if not pattern.strip():
        return "leave it away: an empty pattern fits nothing"
    if pattern.startswith("#"):
        return f"a line with # is a comment there: write \\{pattern}"
    bare = pattern.removeprefix("!")
    if root and bare.startswith(f"{root}/"):
        return f"a pattern is a path within the source: write {bare.removeprefix(root)}"
    if bare.startswith(("~/", "file:", "s3:")):
        return "a pattern is a path within the source: write /FOLDER/ for a folder at its top"
    if bare.startswith(("./", "../")):
        return f"a pattern is a path within the source: write /{bare.lstrip('./')}"
    if "\\" in bare and re.search(r"\\\w", bare):
        return f'folders are separated by "/": write {pattern.replace(chr(92), "/")}'
    try:
        (compiled,) = GitIgnoreSpec.from_lines([pattern]).patterns
    except (ValueError, re.error) as error:
        return f"it cannot be read ({error})"
    if compiled.include is None and "[" not in bare:
        return "leave it away: it fits nothing"
    if compiled.include is None:
        return r"it fits nothing: close each [ with ], and write \[ for a bracket that is meant"
    return None

"""The rules of the house for names, folders and texts, as CONTRIBUTING.md states them."""

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

import yaml

ROOT = Path(__file__).resolve().parent.parent
PRODUCTION = ("bucketlens", "core", "ingest", "search_ui", "demo", "infra")
FILES_PER_FOLDER = 14
WORDS_PER_SENTENCE = 25
README_LINES = 150
PATH = r"`((?:core|ingest|search_ui|demo|infra|tests|docs)/[\w./-]*)`"


@cache
def python_files() -> list[PurePosixPath]:
    """Return the Python files of the repository, tracked or about to be, relative to its root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [PurePosixPath(name) for name in sorted(set(listed.split("\0"))) if name and (ROOT / name).is_file()]


def production_files() -> list[PurePosixPath]:
    return [path for path in python_files() if path.parts[0].removesuffix(".py") in PRODUCTION]


@cache
def module_docstrings() -> dict[PurePosixPath, str]:
    return {path: ast.get_docstring(ast.parse((ROOT / path).read_text())) or "" for path in production_files()}


def sentences(docstring: str) -> Iterator[str]:
    """Yield the sentences of a docstring's prose; indented blocks are listings, blank lines end a sentence."""
    prose = "\n".join(line for line in docstring.splitlines() if not line.startswith("  "))
    for paragraph in re.split(r"\n\s*\n", prose):
        yield from re.split(r"(?<=[.?!])\s+", " ".join(paragraph.split()))


def words(sentence: str) -> list[str]:
    return [word for word in sentence.split() if re.search(r"\w", word)]


def singular(word: str) -> str:
    return word.removesuffix("ies") + "y" if word.endswith("ies") else word.removesuffix("s")


def glossary_words() -> set[str]:
    """Return the words that docs/glossary.md defines or lists as standard terms: lower-case, in the singular."""
    defined, standard = (ROOT / "docs/glossary.md").read_text().split("## Standard terms of the field")
    terms = re.findall(r"^\| \*\*(.+?)\*\* \|", defined, flags=re.MULTILINE)
    return {singular(word) for text in (*terms, standard) for word in re.findall(r"[a-z0-9]+", text.lower())}


def test_no_folder_holds_more_python_files_than_one_can_survey() -> None:
    sizes = Counter(path.parent for path in python_files())
    assert {str(folder): size for folder, size in sizes.items() if size > FILES_PER_FOLDER} == {}


def test_every_sentence_of_a_module_docstring_is_short() -> None:
    long = [
        f"{path}: {len(words(sentence))} words: {sentence}"
        for path, docstring in module_docstrings().items()
        for sentence in sentences(docstring)
        if len(words(sentence)) > WORDS_PER_SENTENCE
    ]
    assert not long, "\n".join(long)


def test_every_module_says_what_is_in_it() -> None:
    silent = [str(path) for path, docstring in module_docstrings().items() if not docstring]
    assert silent == []


def test_every_word_of_a_module_name_is_in_the_glossary() -> None:
    known = glossary_words()
    names = {part.removesuffix(".py") for path in production_files() for part in path.parts}
    unknown = {
        f"{word} (in {name})"
        for name in names
        if not name.startswith("__")
        for word in name.strip("_").lower().split("_")
        if singular(word) not in known
    }
    assert sorted(unknown) == []


def test_the_glossary_is_sorted_and_has_no_term_twice() -> None:
    text = (ROOT / "docs/glossary.md").read_text()
    terms = [term.lower() for term in re.findall(r"^\| \*\*(.+?)\*\* \|", text, flags=re.MULTILINE)]
    assert terms == sorted(set(terms))


def test_the_readme_is_read_in_one_sitting() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES


def test_every_path_in_the_texts_for_contributors_is_there() -> None:
    texts = [ROOT / "CONTRIBUTING.md", *(ROOT / "docs/decisions").glob("*.md")]
    assert len(texts) > 5
    named = {path for text in texts for path in re.findall(PATH, text.read_text())}
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_the_hooks_of_a_commit_fetch_nothing() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    assert all(hook["entry"].startswith(".venv/bin/") for repo in config["repos"] for hook in repo["hooks"])

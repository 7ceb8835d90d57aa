"""The pages that people read: the README and docs/, and what stands in their blocks of code."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"  # made from the code


@dataclass(frozen=True)
class Block:
    """A block of code: the page that it is on, its language and its text."""

    page: Path
    language: str
    text: str


def read_order() -> list[Path]:
    """The README, then every page in the order of the site's navigation, then what it leaves to other pages."""
    index = DOCS / "index.md"
    trees = re.findall(r"```{toctree}\n(.*?)```", index.read_text(), re.S)
    names = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    return list(dict.fromkeys([README, index, *(DOCS / f"{name}.md" for name in names), *sorted(DOCS.rglob("*.md"))]))


def blocks(language: str) -> list[Block]:
    """The blocks in a language, in the order in which they are read, without those of the reference."""
    pages = [page for page in read_order() if REFERENCE not in page.parents]
    return [
        Block(page, language, text)
        for page in pages
        for text in re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.S)
    ]


def commands() -> list[str]:
    """Every line that is typed after "$", once, in the order in which they are read."""
    lines = (line[2:] for block in blocks("console") for line in block.text.splitlines() if line.startswith("$ "))
    return list(dict.fromkeys(lines))


def anchors(page: Path) -> set[str]:
    """What can follow the "#" of a link to a page: its headings, as GitHub and the site write them."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}

"""Rendering of what the code says as Markdown."""

import inspect
import re


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")


def plain(text: str) -> str:
    """On one line, and no markup but code."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else re.sub(r"([*<])", r"\\\1", part) for part in parts)


def cell(text: str) -> str:
    return plain(text).replace("|", "\\|")


def first_sentence(text: str | None) -> str:
    paragraph = " ".join((text or "").strip().split("\n\n")[0].split())
    return re.split(r"(?<=\.) ", paragraph)[0]


def paragraphs(text: str | None) -> str:
    """Every paragraph on one line; a list of arguments as a list."""
    return "\n\n".join(_paragraph(part) for part in inspect.cleandoc(text or "").split("\n\n"))


def _paragraph(text: str) -> str:
    head, _, rest = text.partition("\n")
    if head != "Arguments:":
        return plain(text)
    items = re.split(r"^(?=\S)", inspect.cleandoc(rest), flags=re.M)
    return "\n".join([f"{head}\n", *(re.sub(r"^([^:]+):", r"- `\1`:", plain(each)) for each in items if each)])

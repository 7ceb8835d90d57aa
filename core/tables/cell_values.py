"""What the cells of any kind of table hold, as texts."""

import ast
import json
import re
from typing import Any

_TEXT_FIELDS = ("raw", "caption", "text", "sentence", "title", "description")  # of a caption that is a structure
_LITERAL = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\"""")
_LITERALS = re.compile(rf"\[\s*(?:{_LITERAL.pattern})(?:[\s,]+(?:{_LITERAL.pattern}))*\s*\]")
_MAX_BYTES = 2**20  # of a text in bytes


def to_text(value: object) -> str:
    """Return a text as it is; "" for other values.

    Bytes are texts where they are UTF-8, or Windows-1252 without control characters.
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes) or len(value) > _MAX_BYTES:
        return ""
    try:
        return value.decode()
    except UnicodeDecodeError:
        text = value.decode("cp1252", "replace")
        return text if all(each.isprintable() or each.isspace() for each in text) else ""


def clean_text(text: str) -> str:
    """Return a text without NUL, and with lone surrogates escaped: JSON allows both, and no index takes them."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "")


def to_name(value: object) -> str:
    """Return a name as text: also a whole number, as ids are written."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else to_text(value)


def to_texts(value: object, depth: int = 4) -> list[str]:
    """Return the texts that a cell holds, none of them blank: one, those of a list, or those of its structures."""
    if not depth:
        return []
    if isinstance(value, list | tuple):
        return [text for each in value for text in to_texts(each, depth - 1)]
    if isinstance(value, dict):
        tokens = value.get("tokens")
        words = " ".join(map(str, tokens)) if isinstance(tokens, list) else None
        return to_texts(next((value[name] for name in _TEXT_FIELDS if value.get(name)), words), depth - 1)
    text = to_text(value).strip()
    return [text] if text else []


def expand_list(cell: str) -> list[str]:
    """Return the texts of a cell that holds a list of them, as JSON, Python or NumPy print it, else the cell alone."""
    cell = cell.strip()
    if not cell.startswith("[") or not cell.endswith("]"):
        return [cell]
    try:
        found = json.loads(cell)
        if isinstance(found, list) and found and all(isinstance(each, str) for each in found):
            return found
    except (ValueError, RecursionError):
        pass
    if _LITERALS.fullmatch(cell) is None:
        return [cell]
    return [str(ast.literal_eval(each)) for each in _LITERAL.findall(cell)]


def flatten(record: dict[str, Any], depth: int = 2) -> dict[str, Any]:
    """Return a record whose structures are fields of their own: {"image": {"url": …}} has "image.url"."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and depth:
            flat |= {f"{name}.{inner}": each for inner, each in flatten(value, depth - 1).items()}
        else:
            flat[name] = value
    return flat

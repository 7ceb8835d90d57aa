"""Texts of metadata: decoded, cleaned, each once, without what cameras and programs write by themselves."""

import json
import re
from collections.abc import Iterable

from core.domain.metadata import MAX_KEYWORDS, MAX_PEOPLE, MAX_TEXT, MAX_TEXTS, MAX_WORD, FileText

_BUDGET = 64 * 2**10  # bytes of JSON that all texts may take, and all keywords, and all people
_CONTROLS = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_UNSEEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_SEPARATORS = re.compile(r"[;\0\n\r]+")

_CAMERA_DEFAULTS = re.compile(
    r"""
    (?:(?:olympus|minolta|sony|samsung|kodak|konica|nikon|canon|casio|fuji(?:film)?|pentax|ricoh|panasonic|sanyo|epson
      |hp|jenoptik|aiptek|benq|vivitar|polaroid|kyocera|medion|lg|htc|nokia|huawei|xiaomi|motorola
      )[\s_-]*){0,2}
    (?:digital\s*(?:still\s*)?(?:camera|cam)|dsc|dcim?|csc|dvc|camcorder|exif(?:[\s_-]*jpeg)?|electronics?|techwin
      |wb\d+\s*/.*)?[\s_.,-]*(?:picture|image|photo)?[\s_.,-]*\d*
    | dcim(?:[\s/\\_].*)? | cof | ptr | mde | sdr | hdr | hdrpl | bty | nor | jpeg | jpg | image | img | photo | picture
    | default(?:\s*(?:title|description|caption|comment))? | (?:no\s*)?(?:title|name|caption|description|comment)
    | untitled(?:[\s_-]*(?:\d+|document|design|image|picture|photo))? | unnamed | unknown | null | nil | none | n/?a
    | undefined | screen\s*shot | scan(?:ned)?(?:\s*(?:image|document))? | user\s*comments?
    | dav | edf | fbt | mnor | maf | smu
    | copyright.{0,60} | apple\s*mark | binary\s+comment | charset=\S*.{0,20} | lead\s+technologies.* | intel\(r\).*
    | (?:samsung|kodak|polaroid|skanerkinder)[\s\w-]*camera | \(c\).{0,60} | jpeg\s+encoder.* | barcode.{0,4}
    | ascii | unicode | background | layer\s*\d* | slide\s*\d* | page\s*\d* | cleaned | file\s*source
    """,
    re.IGNORECASE | re.VERBOSE,
)
_PROGRAMS = re.compile(
    r"""
    \s*(?:creator\s*[:=] | (?:file\s+)?written\s+by | created?\s+(?:with|by|in|using|from)\s+(?:the\s+)?(?:gimp|adobe
      |paint|photoshop|openjpeg|accusoft|imagemagick|inkscape|ffmpeg|lavc|matplotlib|microsoft|corel|ulead|acdsee|xnview
      |irfanview|gd|ffdshow|libjpeg|mozjpeg|canva|snagit|sketch|figma|app|ai|avs|fotoshow|[\w.]+\s+(?:version|v\d|\d+\.\d))
    | (?:generated|produced|processed|edited|optimi[sz]ed|compressed|converted|encoded|exported|rendered)
      \s+(?:with|by|using)\s | software\s*[:=] | lavc\d | lavf\d | xnview | acd\s+systems | gd-jpeg
    | (?:created|made|resized|edited|generated|cropped)\s+(?:with|on|by|at|using)\s+\S+\.(?:com|net|org|io|app)\b
    | ezgif | leadtools | adobe\s+(?:photoshop|lightroom|illustrator|imageready|firefly|express|fireworks|xmp|indesign)
    | handmade\s+software | jpeg\s*(?:mini|optimi) | paint\.net | imagemagick | matplotlib | image\s*generated\s+by
    | (?:gimp|photoshop|picasa|instagram|snapseed|vsco|lightroom)[\s\d.]*$ | fbmd[0-9a-f]{6} | \*+\s*adobe
    | kofax | ocad\$rev | 8bim\b
    | screenshot[\s_-]*\d | \S+\.(?:jpe?g|png|gif|tiff?|heic|webp|bmp|cr2|cr3|nef|arw|dng|raf|orf|rw2|psd|ai|eps)\s*$
    | https?://\S+\s*$ | optimized\s+by | vuescan | scanned\s+(?:with|by)\s | \w+\s+pdf\s+filter )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_CODE = re.compile(
    r"\s*(?:\{\s*[\"'{}].*|\[\s*[\[{\"'].*|<\?xml.*|[0-9A-Fa-f-]{16,}|[A-Za-z0-9+/=_-]{40,})\s*", re.DOTALL
)
_COUNTERS = re.compile(
    r"(?:img|dsc[fnp]?|dscn|p|pict|imgp|_mg|mvc|sam|kif|cimg|stm|image|photo|picture|screenshot|scan|vid|mov)?"
    r"[\s_-]*[\d\s_.,:/+-]*",
    re.IGNORECASE,
)


def decode_text(data: bytes) -> str:
    """Decode bytes of an unknown encoding: UTF-8 where they are, else Windows-1252."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace") if b"\0" not in data.rstrip(b"\0") else _decode_up_to_null(data)


def _decode_up_to_null(data: bytes) -> str:
    """Decode a text that ends at its first NUL, with anything behind it."""
    text = data.split(b"\0", 1)[0]
    return decode_text(text) if text else ""


def split_keywords(text: str) -> list[str]:
    """Split a list of keywords at semicolons and line ends."""
    return _SEPARATORS.split(text)


def choose_texts(texts: Iterable[FileText], name: str) -> tuple[FileText, ...]:
    """Clean texts and keep, in their order, each once and none that is boilerplate, within the limits.

    `name` is that of the picture's file: a title that repeats it says nothing.
    """
    chosen: dict[str, FileText] = {}
    left = _BUDGET
    for text in texts:
        cleaned = clean(text.text, MAX_TEXT, left)
        if cleaned and not is_boilerplate(cleaned, name) and cleaned.casefold() not in chosen:
            chosen[cleaned.casefold()] = FileText(cleaned, text.origin)
            left -= _count_bytes(cleaned)
        if len(chosen) == MAX_TEXTS:
            break
    return tuple(chosen.values())


def choose_keywords(keywords: Iterable[str]) -> tuple[str, ...]:
    """Clean keywords and keep each once, within the limits."""
    return _choose_words(keywords, MAX_KEYWORDS)


def choose_people(people: Iterable[str]) -> tuple[str, ...]:
    """Clean names of people and keep each once, within the limits."""
    return _choose_words(people, MAX_PEOPLE)


def _choose_words(words: Iterable[str], most: int) -> tuple[str, ...]:
    chosen: dict[str, str] = {}
    left = _BUDGET
    for word in words:
        cleaned = clean(word, MAX_WORD, left)
        if any(c.isalnum() for c in cleaned) and cleaned.casefold() not in chosen:
            chosen[cleaned.casefold()] = cleaned
            left -= _count_bytes(cleaned)
        if len(chosen) == most:
            break
    return tuple(chosen.values())


def clean(text: str, longest: int, budget: int = _BUDGET) -> str:
    """Make one line of a text: without controls, halves of surrogates and repeated blanks, within the limits.

    A text that is too long ends with an ellipsis; where `budget` bytes of JSON do not suffice, it is "".
    """
    text = " ".join(_CONTROLS.sub(" ", _UNSEEN.sub("", text[: 4 * longest])).split())
    if len(text) > longest:
        text = text[: longest - 1].rstrip() + "…"
    return text if _count_bytes(text) <= budget else ""


def is_boilerplate(text: str, name: str = "") -> bool:
    """Tell whether a text says nothing of the picture: a camera's or a program's own words, a number, a file's name."""
    bare = " ".join(text.split()).strip(" .:-_*#\"'")
    letters = sum(c.isalpha() for c in bare)
    stem = name.rsplit(".", 1)[0].casefold()
    return (
        letters < (2 if bare.isascii() else 1)
        or letters * 3 < len(bare.replace(" ", ""))  # drawn with characters, or mostly numbers
        or "\ufffd" in bare[:8]
        or bare.casefold() in {name.casefold(), stem}
        or _CAMERA_DEFAULTS.fullmatch(bare) is not None
        or _COUNTERS.fullmatch(bare) is not None
        or _PROGRAMS.match(bare) is not None
        or _CODE.fullmatch(text) is not None
    )


def _count_bytes(text: str) -> int:
    return len(json.dumps(text))

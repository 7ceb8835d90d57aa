"""Cameras and lenses, from makes and models as cameras write them."""

import re

_COMPANY = re.compile(
    r"[\s,]+(?:corporation|corp|company|co|ltd|inc|gmbh|ag|k\.?k|electronics|imaging|optical|digital"
    r"|photo|technologies|technology|mobile communications)\.?(?=[\s,]|$)",
    re.IGNORECASE,
)
_SAME = {"eastman kodak": "kodak", "hewlett-packard": "hp", "asahi": "pentax", "konica minolta": "minolta"}
_NOTHING = {"", "unknown", "none", "n/a", "camera", "-", "----", "null", "0", "no lens"}
_LONGEST = 100


def name_camera(make: str, model: str) -> str | None:
    """Name a camera by make and model, without a make that is told twice: "Canon EOS R5", "NIKON D850"."""
    return _join(_COMPANY.sub("", _clean(make)).strip(" ,"), _clean(model))


def name_lens(make: str, model: str) -> str | None:
    """Name a lens; its maker is added where the model does not begin with it."""
    return _join(_COMPANY.sub("", _clean(make)).strip(" ,"), _clean(model)) if _clean(model) else None


def _join(make: str, model: str) -> str | None:
    if not model or not make:
        return model or make or None
    makes = {make.casefold(), _SAME.get(make.casefold(), make.casefold()), make.casefold().split()[0]}
    return model if any(model.casefold().startswith(name) for name in makes) else f"{make} {model}"


def _clean(text: str) -> str:
    text = " ".join(text.split("\0", 1)[0].split())[:_LONGEST].strip()
    return "" if text.casefold() in _NOTHING else text

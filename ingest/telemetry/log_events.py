"""Log lines that programs read: the event's name, then key=value."""

import json


def event(name: str, **values: object) -> str:
    """One line; a value that is not plain is quoted as JSON quotes it. None is left out."""
    pairs = (f"{key}={_value(value)}" for key, value in values.items() if value is not None)
    return " ".join((name, *pairs))


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    plain = text and text.isprintable() and not any(c in text for c in ' ="\\')
    return text if plain else json.dumps(text)

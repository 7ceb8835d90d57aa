"""The places that settings come from beside keywords: the environment and bucketlens.toml."""

import json
import logging
import os
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from core.errors import InvalidSetting
from core.settings.names import RENAMED, SettingName, environment_name, nest, setting_fields

FILE = "bucketlens.toml"

_log = logging.getLogger(__name__)


@cache
def warn_deprecated(old: str, new: str) -> None:
    """Log that a spelling of a setting goes with the next version; each spelling is logged once."""
    _log.warning("the setting %s is deprecated and will be removed in the next version: it is now %s", old, new)


def read_environment(settings: type[BaseModel]) -> dict[str, Any]:
    """Read the variables BUCKETLENS_*, in groups. One that is no setting's is ignored: others may use the prefix too.

    Raises InvalidSetting for a list that is not JSON.
    """
    variables = {name.upper(): value for name, value in os.environ.items()}
    keywords = [name.keyword for name in setting_fields(settings)]
    given: dict[str, Any] = {
        keyword: variables[environment_name(keyword)]
        for keyword in (*keywords, *RENAMED)
        if environment_name(keyword) in variables
    }
    for keyword in ("sources", "exclude"):
        if keyword in given:
            given[keyword] = _parse_json(keyword, given[keyword])
    return nest(settings, given, _warn_renamed_variable)


def read_file(settings: type[BaseModel]) -> dict[str, Any]:
    """Read bucketlens.toml in the working directory, with a table for each group; nothing where there is none.

    Raises OSError, UnicodeDecodeError and TOMLDecodeError.
    """
    path = Path(FILE)
    given = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return nest(settings, given, _warn_flat_key)


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge settings in their groups; where both give a setting, that of `over` counts."""
    merged = dict(under)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _parse_json(keyword: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        example = '["*.gif", "raw/"]' if keyword == "exclude" else '["/pictures"]'
        raise InvalidSetting(environment_name(keyword), text, f"JSON, such as {example}") from error


def _warn_renamed_variable(keyword: str, name: SettingName) -> None:
    if keyword in RENAMED:
        warn_deprecated(environment_name(keyword), name.environment)


def _warn_flat_key(key: str, name: SettingName) -> None:
    if name.group is None:
        warn_deprecated(f"{key.replace('_', '.', 1)} of bucketlens.toml", f"{name.field}, above all tables")
    else:
        warn_deprecated(f"{key} of bucketlens.toml", f"{name.field} in the table [{name.group}]")

"""Loading: defaults < bucketlens.toml < environment < keywords, each error an InvalidSetting."""

import os
from tomllib import TOMLDecodeError
from typing import Any

from pydantic import ValidationError

from core.errors import InvalidSetting
from core.settings.model import Settings
from core.settings.names import RENAMED, SettingName, environment_name, nest, setting_fields
from core.settings.sources import merge, read_environment, read_file, warn_deprecated


def load_settings(**given: Any) -> Settings:
    """Load the settings from all four places.

    A keyword is a setting's name after that of its group, such as `qdrant_url`. One that is None was not given.
    Raises InvalidSetting, which names the setting as it was written: as a keyword, a variable or a key of the file.
    """
    given = {name: value for name, value in given.items() if value is not None}
    try:
        placed = merge(read_file(Settings), read_environment(Settings))
        return Settings.model_validate(merge(placed, nest(Settings, given, _warn_renamed_keyword)))
    except ValidationError as error:
        first = error.errors()[0]
        takes = first["msg"].removeprefix("Input should be ")
        raise InvalidSetting(_name_as_written(first["loc"], given), first.get("input"), takes) from error
    except (TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSetting("file bucketlens.toml", str(error), "TOML: one `name = value` a line, in UTF-8") from error
    except OSError as error:
        raise InvalidSetting("file bucketlens.toml", str(error), "a file that can be read") from error


def _name_as_written(location: tuple[int | str, ...], given: dict[str, Any]) -> str:
    """Return the setting's name in the last of the places that give it."""
    parts = [str(part) for part in location]
    for name in setting_fields(Settings):
        path = name.toml.split(".")
        if parts[: len(path)] == path:
            spellings = [name.keyword, *(old for old, new in RENAMED.items() if new == name.keyword)]
            written = [spelling for spelling in spellings if spelling in given]
            written += [variable for variable in map(environment_name, spellings) if variable in os.environ]
            if written:
                return ".".join((written[0], *parts[len(path) :]))
    return ".".join(parts) or "bucketlens.toml"


def _warn_renamed_keyword(keyword: str, name: SettingName) -> None:
    if keyword in RENAMED:
        warn_deprecated(keyword, name.keyword)

"""The places that settings come from beside keywords: the environment and bucketlens.toml."""

import json
import logging
import os
from functools import cache
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource, TomlConfigSettingsSource

from core.errors import InvalidSetting
from core.settings.names import RENAMED, SettingName, environment_name, nest, setting_fields

_log = logging.getLogger(__name__)


@cache
def warn_deprecated(old: str, new: str) -> None:
    """Log that a spelling of a setting goes with the next version; each spelling is logged once."""
    _log.warning("the setting %s is deprecated and will be removed in the next version: it is now %s", old, new)


class EnvironmentSource(PydanticBaseSettingsSource):
    """The variables BUCKETLENS_*. One that is no setting's is ignored: others may use the prefix too."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return nothing: `__call__` reads all the variables at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the settings in their groups. Raises InvalidSetting for a list that is not JSON."""
        variables = {name.upper(): value for name, value in os.environ.items()}
        keywords = [name.keyword for name in setting_fields(self.settings_cls)]
        given: dict[str, Any] = {
            keyword: variables[environment_name(keyword)]
            for keyword in (*keywords, *RENAMED)
            if environment_name(keyword) in variables
        }
        for keyword in ("sources", "exclude"):
            if keyword in given:
                given[keyword] = _parse_json(keyword, given[keyword])
        return nest(self.settings_cls, given, _warn_renamed_variable)


class FileSource(TomlConfigSettingsSource):
    """The file bucketlens.toml in the working directory, with a table for each group."""

    def __call__(self) -> dict[str, Any]:
        """Return the settings in their groups."""
        return nest(self.settings_cls, super().__call__(), _warn_flat_key)


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

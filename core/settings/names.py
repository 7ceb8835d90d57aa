"""The three spellings of a setting: in bucketlens.toml, in the environment, and as a keyword of `load_settings`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

ENVIRONMENT_PREFIX = "BUCKETLENS_"

# Old keyword -> new keyword. The old spellings are accepted for one version, with a warning.
RENAMED = {
    "exact": "search_exact",
    "mirror": "mirror_enabled",
    "max_image_bytes": "decode_max_bytes",
    "max_image_pixels": "decode_max_pixels",
    "thumbnail_px": "decode_thumbnail_px",
    "image_weight": "ranking_image_weight",
    "caption_weight": "ranking_caption_weight",
    "words_weight": "ranking_words_weight",
    "list_recheck": "recheck",
}


@dataclass(frozen=True)
class SettingName:
    """The name of one setting. `group` is None at the top level of bucketlens.toml."""

    group: str | None
    field: str

    @property
    def keyword(self) -> str:
        """The name as a keyword of `load_settings`, such as qdrant_url."""
        return f"{self.group}_{self.field}" if self.group else self.field

    @property
    def toml(self) -> str:
        """The name as a dotted key of bucketlens.toml, such as qdrant.url."""
        return f"{self.group}.{self.field}" if self.group else self.field

    @property
    def environment(self) -> str:
        """The name as an environment variable, such as BUCKETLENS_QDRANT_URL."""
        return environment_name(self.keyword)


def environment_name(keyword: str) -> str:
    """Return the environment variable of a setting that has this keyword."""
    return f"{ENVIRONMENT_PREFIX}{keyword.upper()}"


def setting_fields(settings: type[BaseModel]) -> dict[SettingName, FieldInfo]:
    """Return every setting of the model with its field, in the order of the class."""
    found: dict[SettingName, FieldInfo] = {}
    for name, field in settings.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, BaseModel):
            found |= {SettingName(field.alias or name, inner): info for inner, info in group.model_fields.items()}
        else:
            found[SettingName(None, name)] = field
    return found


def nest(
    settings: type[BaseModel], given: Mapping[str, Any], on_flat: Callable[[str, SettingName], object]
) -> dict[str, Any]:
    """Return the settings in their groups, as the model takes them.

    `given` may hold whole groups under their names, and single settings under their keywords or old keywords. A name
    that is no setting's is left as it is. `on_flat` is called with each keyword that was not a name of the top level,
    and with the name of its setting. Where old and new spellings are both given, the new one counts.
    """
    names = {name.keyword: name for name in setting_fields(settings)}
    nested: dict[str, Any] = {}
    flat: dict[str, Any] = {}
    for key, value in given.items():
        is_group = isinstance(value, Mapping | BaseModel)
        if not is_group and (key in RENAMED or (key in names and names[key].group)):
            flat[key] = value
        else:
            nested[key] = dict(value) if isinstance(value, Mapping) else value
    for old in RENAMED:
        table, _, field = old.partition("_")
        if isinstance(nested.get(table), dict) and field in nested[table] and old not in names:
            flat.setdefault(old, nested[table].pop(field))  # a setting that has left its group
    for key in sorted(flat, key=lambda key: key in RENAMED):
        name = names[RENAMED.get(key, key)]
        on_flat(key, name)
        if name.group is None:
            nested.setdefault(name.field, flat[key])
            continue
        group = nested.setdefault(name.group, {})
        if isinstance(group, dict):
            group.setdefault(name.field, flat[key])
    return nested

"""Settings: defaults < bucketlens.toml < BUCKETLENS_* environment < command-line flags. Passed, never global."""

from core.settings.groups import (
    USER_AGENT,
    ApiSettings,
    DecodeSettings,
    LogSettings,
    MirrorSettings,
    QdrantSettings,
    RankingSettings,
    RecallSettings,
    S3Settings,
    SearchSettings,
    SettingsGroup,
    SourceSetting,
    UrlListSettings,
)
from core.settings.loading import load_settings
from core.settings.model import Settings
from core.settings.names import SettingName, setting_fields

DEFAULT_MODEL = "clip-ViT-B-32"
DEFAULT_CAPTIONER = "vit-gpt2"
DEMO = "demo"

__all__ = [
    "DEFAULT_CAPTIONER",
    "DEFAULT_MODEL",
    "DEMO",
    "USER_AGENT",
    "ApiSettings",
    "DecodeSettings",
    "LogSettings",
    "MirrorSettings",
    "QdrantSettings",
    "RankingSettings",
    "RecallSettings",
    "S3Settings",
    "SearchSettings",
    "SettingName",
    "Settings",
    "SettingsGroup",
    "SourceSetting",
    "UrlListSettings",
    "load_settings",
    "setting_fields",
]

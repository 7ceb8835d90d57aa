"""Settings: defaults < bucketlens.toml < BUCKETLENS_* environment < command-line flags. Passed, never global."""

from core.settings.groups import QdrantSettings
from core.settings.loading import load_settings
from core.settings.model import Settings
from core.settings.names import setting_fields

DEFAULT_MODEL = "clip-ViT-B-32"
DEFAULT_CAPTIONER = "vit-gpt2"
DEMO = "demo"

__all__ = [
    "DEFAULT_CAPTIONER",
    "DEFAULT_MODEL",
    "DEMO",
    "QdrantSettings",
    "Settings",
    "load_settings",
    "setting_fields",
]

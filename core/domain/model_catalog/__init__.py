"""The table of models that can be used, one line each."""

from core.domain.model_catalog.answerers import ANSWERERS
from core.domain.model_catalog.captioners import CAPTIONERS
from core.domain.model_catalog.card import DEMO_WEIGHTS, SETTING, ModelCard, PublishedRecall, Role
from core.domain.model_catalog.encoders import DEMO_ENCODER, ENCODERS
from core.domain.model_catalog.onnx_encoders import ONNX_ENCODERS

__all__ = [
    "DEMO_WEIGHTS",
    "MODELS",
    "SETTING",
    "ModelCard",
    "PublishedRecall",
    "Role",
    "find",
    "find_all",
    "names",
    "search",
]

MODELS = (*ENCODERS, *ONNX_ENCODERS, DEMO_ENCODER, *CAPTIONERS, *ANSWERERS)


def names(role: Role) -> list[str]:
    """List the names of one role, the default first."""
    return [card.name for card in MODELS if card.role == role]


def find(name: str, role: Role) -> ModelCard | None:
    """Find the line of that name or alias, and of that role; None where there is none."""
    return next((card for card in find_all(name) if card.role == role), None)


def find_all(name: str) -> list[ModelCard]:
    """Find the lines of that name in any role; where there are none, those of that alias."""
    named = [card for card in MODELS if card.name == name]
    return named or [card for card in MODELS if name in card.aliases]


def search(text: str) -> list[ModelCard]:
    """Find the lines that hold every word of the text in a name, the role, the languages or the licence."""
    wanted = text.casefold().split()
    return [card for card in MODELS if all(word in _searchable(card) for word in wanted)]


def _searchable(card: ModelCard) -> str:
    parts = (card.name, *card.aliases, card.repository or "", card.role, card.languages, card.licence)
    return "\n".join(parts).casefold()

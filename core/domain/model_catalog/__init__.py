"""The table of models that can be used, one line each."""

from core.domain.model_catalog.answerers import ANSWERERS
from core.domain.model_catalog.captioners import CAPTIONERS
from core.domain.model_catalog.card import DEMO_WEIGHTS, ModelCard, Role
from core.domain.model_catalog.encoders import ENCODERS

__all__ = ["DEMO_WEIGHTS", "MODELS", "ModelCard", "Role", "find", "names"]

MODELS = (*ENCODERS, *CAPTIONERS, *ANSWERERS)


def names(role: Role) -> list[str]:
    """List the names of one role, the default first."""
    return [card.name for card in MODELS if card.role == role]


def find(name: str, role: Role) -> ModelCard | None:
    """Find the line of that name and role; None where there is none."""
    return next((card for card in MODELS if (card.name, card.role) == (name, role)), None)

"""The composition root: it makes adapters from settings, and alone imports and chooses them."""

from core.bootstrap.container import Container
from core.bootstrap.factories import load_plots, model_folder

__all__ = ["Container", "load_plots", "model_folder"]

"""Settings -> adapters: the only rooms that import core.adapters, and so the only ones that choose among them."""

from core.bootstrap.container import Container
from core.bootstrap.factories import load_plots, model_folder

__all__ = ["Container", "load_plots", "model_folder"]

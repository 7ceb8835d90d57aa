"""Hints as the HTTP API tells them: to a caller, who may ask again, and who may not change the server."""

from typing import assert_never

from core.errors import hints
from core.errors.hints import Hint


def render_hint(hint: Hint) -> str:
    """Say what the caller can do, or what is to be done where the server runs."""
    match hint:
        case hints.TryAgain():
            return hint.with_verb("ask again in a moment")
        case hints.ChooseModel(setting="answerer"):
            return f"on the server: {hint}"
        case hints.ChooseModel() | hints.TrainDemoModels() | hints.KeepModel():
            return f"on the server: {hint}; searches by the words of captions alone need no model"
        case (
            hints.Advice()
            | hints.ChooseAnswerer()
            | hints.Configure()
            | hints.MakeLibrary()
            | hints.RebuildLibrary()
            | hints.UpdateLibrary()
            | hints.ForgetSource()
            | hints.Reindex()
            | hints.AddCaptions()
            | hints.BuildMirror()
            | hints.ProvideMirror()
            | hints.ExportMirror()
            | hints.ReadTextAgain()
            | hints.InstallPackage()
        ):
            return f"on the server: {hint}"
        case _:
            assert_never(hint)

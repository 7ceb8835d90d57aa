"""Hints as the page words them, for the visitor and for whoever serves the page."""

from typing import assert_never

from core.commands import hints as commands
from core.errors import BucketLensError, hints, message
from core.errors.hints import Hint


def render_message(problem: BucketLensError | str) -> str:
    """Render an error or a notice with its hint; a plain text is left as it is."""
    return message(problem, render_hint)


def render_hint(hint: Hint) -> str:
    """Render a hint: what to do on the page, or which commands to run on the machine that serves it."""
    match hint:
        case hints.Advice() | hints.Configure():
            return str(hint)
        case hints.TryAgain():
            return hint.with_verb("load this page again")
        case hints.ChooseAnswerer() | hints.ChooseModel(setting="answerer"):
            return commands.render_hint(hint)
        case hints.ChooseModel():
            return _describe_model_choices(f"--{hint.setting}")
        case hints.KeepModel():
            return (
                f"serve this page without another model, to use {hint.current}, or change the library's: "
                f"{commands.render_hint(hints.Reindex())}"
            )
        case (
            hints.MakeLibrary()
            | hints.RebuildLibrary()
            | hints.UpdateLibrary()
            | hints.ForgetSource()
            | hints.TrainDemoModels()
            | hints.Reindex()
            | hints.AddCaptions()
            | hints.BuildMirror()
            | hints.ProvideMirror()
            | hints.ExportMirror()
            | hints.ReadTextAgain()
            | hints.InstallPackage()
        ):
            return commands.render_hint(hint)
        case _:
            assert_never(hint)


def _describe_model_choices(option: str) -> str:
    return (
        "Three ways out:\n"
        "1. with a network: “Try again” where huggingface.co (or the mirror that HF_ENDPOINT names) can be reached "
        "from the machine that serves this page; once fetched, the model stays in the cache\n"
        f"2. a local copy: serve this page with {option} FOLDER, where FOLDER holds the saved model\n"
        f"3. the demo model: serve this page with {option} demo, shipped with BucketLens (knows only its drawn scenes)"
    )

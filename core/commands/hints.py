"""Errors, notices and hints as the command line tells them: with commands and options."""

from pathlib import Path
from shlex import quote
from typing import assert_never

from core.errors import BucketLensError, InvalidSetting, Notice, hints, message
from core.errors.hints import Hint, Name
from core.settings import Settings, setting_fields

OPTIONS: dict[Name, str] = {
    "answerer": "--answerer",
    "ask_seconds": "--seconds",
    "captioner": "--captioner",
    "confirm_deletes": "--confirm-deletes",
    "cron": "--cron",
    "data": "--data",
    "every": "--every",
    "exclude": "--exclude",
    "list_allow_private": "--allow-private",
    "metrics_port": "--metrics-port",
    "model": "--model",
    "names": "--names",
    "port": "--port",
    "qdrant_url": "--qdrant-url",
    "recheck": "--recheck",
    "retry_failed": "--retry-failed",
    "s3_addressing": "--s3-addressing",
    "s3_anonymous": "--no-sign-request",
    "s3_changed_by": "--s3-changed-by",
    "s3_endpoint_url": "--endpoint-url",
    "s3_profile": "--profile",
    "s3_requester_pays": "--requester-pays",
    "s3_versioned": "--versioned",
    "watch": "--watch",
}
"""The options of settings and arguments; those that are missing are settings without one."""

_RECORDED = (  # hints of reasons that the index keeps as text
    hints.TRUST_LIST,
    hints.RAISE_BYTES,
    hints.RAISE_PIXELS,
    hints.RAISE_MEMORY,
    hints.RAISE_SECONDS,
)


def render_message(told: BucketLensError | str) -> str:
    """Say an error, a notice or a reason on record with its commands and options."""
    if isinstance(told, InvalidSetting):
        option = next((option for name, option in OPTIONS.items() if name == told.name), None)
        reason = told.reason.replace(told.name, f"{told.name} ({option})", 1) if option else told.reason
        return message(Notice(reason, told.hint), render_hint)
    if isinstance(told, BucketLensError | Notice):
        return message(told, render_hint)
    recorded = next((hint for hint in _RECORDED if told.endswith(str(hint))), None)
    return told if recorded is None else told.removesuffix(str(recorded)) + render_hint(recorded)


def render_hint(hint: Hint) -> str:
    """Say what to type next."""
    match hint:
        case hints.Advice():
            return hint.text
        case hints.Configure():
            return hint.with_names(_spell)
        case hints.TryAgain():
            return hint.with_verb("run the same command again")
        case hints.MakeLibrary():
            return f"make one with `{make_library_command(hint.data, hint.server)}`"
        case hints.RebuildLibrary():
            return (
                "put the folder back from a backup, or remove it and run `bucketlens ingest` again: it is made anew "
                "from the pictures"
            )
        case hints.UpdateLibrary():
            return "`bucketlens ingest` brings the library up to date"
        case hints.ForgetSource():
            return (
                "see that it is there, then run the same command again; if it was emptied for good, run "
                f"`bucketlens forget {quote(hint.source)}`"
            )
        case hints.ChooseModel():
            return _ways_out(f"--{hint.setting}", hint.fetch, shipped=hint.setting != "answerer")
        case hints.ChooseAnswerer():
            return (
                "give --answerer NAME or --answerer FOLDER, or the setting answerer (BUCKETLENS_ANSWERER): "
                "blip-vqa-base or blip2, fetched once where huggingface.co (or the mirror that HF_ENDPOINT names) can "
                "be reached, or a folder that holds a saved BLIP-VQA or BLIP-2 model. `bucketlens models` lists them"
            )
        case hints.TrainDemoModels():
            return "`make demo-models` trains them anew"
        case hints.KeepModel():
            return (
                f"leave --model away to use {hint.current}, or change it with "
                f"`bucketlens reindex --model {quote(hint.wanted)}`"
            )
        case hints.Reindex():
            return "make one with `bucketlens reindex --model NAME`"
        case hints.AddCaptions():
            return (
                f"give it some with `bucketlens ingest SOURCE --captions FILE {library_options(hint.data)}`, or leave "
                "--data away where there is no library, to judge the demo's"
            )
        case hints.BuildMirror():
            return "`bucketlens mirror build` makes a new one"
        case hints.ProvideMirror():
            return (
                "make one where the library is with `bucketlens mirror build`, or take one in from elsewhere with "
                "`bucketlens mirror import FILE`"
            )
        case hints.ExportMirror():
            return "`bucketlens mirror export` makes one"
        case hints.ReadTextAgain():
            return "`bucketlens read-text` tries them again"
        case hints.InstallPackage(package, None):
            return f"`pip install {package}`"
        case hints.InstallPackage():
            extra = f"pip install 'bucketlens[{hint.extra}]'"
            return f"`pip install {hint.package}`, or install BucketLens with its extra, `{extra}`"
        case _:
            assert_never(hint)


def library_options(data: Path | None, server: str | None = None) -> str:
    """Write the options that mean the library in this folder, or on this Qdrant server, for a shell."""
    folder = [] if data is None else [f"--data {quote(str(data))}"]
    return " ".join(folder + ([] if server is None else [f"--qdrant-url {quote(server)}"]))


def make_library_command(data: Path | None, server: str | None = None) -> str:
    """Write the command that makes this library from a folder of pictures."""
    return f"bucketlens ingest FOLDER {library_options(data, server)}"


def _spell(name: Name) -> str:
    if option := OPTIONS.get(name):
        return option
    setting = next(setting for setting in setting_fields(Settings) if setting.keyword == name)
    return f"the setting {setting.toml} ({setting.environment})"


def _ways_out(option: str, name: str | None, *, shipped: bool) -> str:
    fetch = f"`bucketlens models fetch {quote(name) if name else 'NAME'}`"
    demo = (
        f"  3. the demo model: {option} demo, shipped with BucketLens (knows only its drawn scenes)\n"
        if shipped
        else ""
    )
    return (
        f"{'Three' if shipped else 'Two'} ways out:\n"
        f"  1. with a network: {fetch} where huggingface.co (or the mirror that HF_ENDPOINT names)\n"
        "                     can be reached; once fetched, the model stays in the cache\n"
        f"  2. a local copy:   {option} FOLDER, where FOLDER holds the saved model\n"
        f"{demo}"
        "`bucketlens models` lists the models that there are"
    )

"""The command line: one group of all commands, and what an error that none of them handles ends in.

A command's code is imported when it is asked for, so that `--help` costs nothing.
"""

import os
import sys
from dataclasses import dataclass
from importlib import import_module

import click


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """Where a command's code is: `function` in `module`. `summary` is the first sentence of its help."""

    name: str
    module: str
    function: str
    summary: str

    def load(self) -> click.Command:
        """Import the command."""
        command = getattr(import_module(self.module), self.function)
        assert isinstance(command, click.Command)
        return command


ENTRIES: tuple[CommandEntry, ...] = (
    CommandEntry(
        "ask",
        "search_ui.commands.ask",
        "ask",
        'Ask a question about a picture, such as "what colour is the car?".',
    ),
    CommandEntry(
        "caption",
        "ingest.commands.caption",
        "caption",
        "Caption what has no caption yet; what people wrote is never replaced.",
    ),
    CommandEntry(
        "compare",
        "search_ui.commands.compare",
        "compare",
        "Compare the library with the one that `bucketlens reindex` has made, on the same questions.",
    ),
    CommandEntry(
        "copy",
        "ingest.commands.copy",
        "copy",
        "Copy a library from a folder to a Qdrant server, back, or into another folder, without reading a picture.",
    ),
    CommandEntry(
        "demo",
        "demo.commands.demo",
        "demo",
        "Draw sample pictures, index and caption them with the demo models, and serve the search page.",
    ),
    CommandEntry(
        "duplicates",
        "search_ui.commands.duplicates",
        "duplicates",
        "List pictures that are there more than once: the same bytes, or re-encoded, scaled or cropped a little.",
    ),
    CommandEntry(
        "eval",
        "demo.commands.eval",
        "evaluate",
        "Tell how well searches find pictures by captions that people wrote, and by other pictures.",
    ),
    CommandEntry(
        "facets",
        "search_ui.commands.facets",
        "facets",
        "Count the pictures that pass the filters by word, source, year, orientation, camera, lens, rating and the "
        "like.",
    ),
    CommandEntry(
        "failures",
        "core.commands.failures",
        "failures",
        "List every file that could not be indexed, with its reason.",
    ),
    CommandEntry(
        "forget",
        "ingest.commands.forget",
        "forget",
        "Remove everything that the library holds of a source: records, captions, thumbnails.",
    ),
    CommandEntry(
        "import",
        "ingest.commands.import_",
        "import_vectors",
        "Make images searchable by vectors that were computed before, without reading a picture.",
    ),
    CommandEntry(
        "ingest",
        "ingest.commands.ingest",
        "ingest",
        "Make the library equal to its sources: add what is new, update what changed, delete what is gone.",
    ),
    CommandEntry(
        "mirror",
        "core.commands.mirror",
        "mirror",
        "Make and check the mirror, which answers searches while the library cannot.",
    ),
    CommandEntry(
        "models",
        "core.commands.models",
        "models",
        "List the models that can be used, and which of them are here.",
    ),
    CommandEntry(
        "read-text",
        "ingest.commands.read_text",
        "read_text",
        "Read the text in pictures that nobody has looked at yet, and in those at which that failed.",
    ),
    CommandEntry(
        "reindex",
        "ingest.commands.reindex",
        "reindex",
        "Make the library anew for another model, from its sources, beside the one that is in use.",
    ),
    CommandEntry(
        "search",
        "search_ui.commands.search",
        "search",
        "Search by words, by picture, or by both.",
    ),
    CommandEntry(
        "status",
        "core.commands.status",
        "status",
        "Tell what is in the library: pictures, captions, failures, sources, model, size.",
    ),
    CommandEntry(
        "switch",
        "ingest.commands.switch",
        "switch",
        "Put to use what `bucketlens reindex` has made, at once.",
    ),
    CommandEntry(
        "ui",
        "search_ui.commands.ui",
        "ui",
        "Serve the search page.",
    ),
)


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for; its help is made of their entries."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the names of all commands."""
        return [entry.name for entry in ENTRIES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None where none has this name."""
        return next((entry.load() for entry in ENTRIES if entry.name == cmd_name), None)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the entries of all commands."""
        width = formatter.width - 6 - max(len(entry.name) for entry in ENTRIES)
        with formatter.section("Commands"):
            formatter.write_dl(
                [(entry.name, click.Command(None, help=entry.summary).get_short_help_str(width)) for entry in ENTRIES]
            )


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bucketlens")
def commands() -> None:
    """Search a bucket or a folder of pictures by words, by picture, or by both."""


def main() -> None:
    """Run the command that the arguments name, and end the process with its exit code."""
    from core.errors import BucketLensError

    os.environ.setdefault(
        "PYDANTIC_DISABLE_PLUGINS", "__all__"
    )  # its search for plugins reads every package's metadata
    try:
        commands()
    except BucketLensError as error:
        from core.commands.output import print_error

        print_error(error)
        sys.exit(error.exit_code)

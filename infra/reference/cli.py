"""The page about the command line: every command with its options, as click knows them."""

from collections.abc import Iterator

import click

from bucketlens.cli import commands
from core.settings import Settings, setting_fields
from infra.reference.rendering import anchor, cell, first_sentence, paragraphs

_VARIABLES = {name.keyword: name.environment for name in setting_fields(Settings)}
_SETTING_OF = {"beams": "caption_beams", "exact": "search_exact"}  # options that are not called like their settings


def named_commands(group: click.Group = commands, path: str = "bucketlens") -> Iterator[tuple[str, click.Command]]:
    """Every command with its whole name, those of groups after the group."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        whole = f"{path} {name}"
        yield whole, command
        if isinstance(command, click.Group):
            yield from named_commands(command, whole)


def page() -> str:
    every = list(named_commands())
    rows = (f"| [`{name}`](#{anchor(name)}) | {cell(first_sentence(command.help))} |" for name, command in every)
    return "\n\n".join(
        [
            "# Command line",
            "Every command of `bucketlens`, with its arguments and options. `--help` prints the same in a terminal. "
            "An option that has an environment variable is a [setting](configuration.md) too.",
            "\n".join(["| command | what it does |", "| --- | --- |", *rows]),
            *(_command(name, command) for name, command in every),
        ]
    )


def _command(name: str, command: click.Command) -> str:
    usage = " ".join([name, *command.collect_usage_pieces(click.Context(command, info_name=name))])
    parts = [f"## {name}", f"```text\n{usage}\n```", paragraphs(command.help)]
    options = [_option(option) for option in command.params if isinstance(option, click.Option)]
    if options:
        head = ["| option | default | what it does | environment |", "| --- | --- | --- | --- |"]
        parts.append("\n".join([*head, *options]))
    return "\n\n".join(parts)


def _option(option: click.Option) -> str:
    names = " / ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    takes = "" if option.is_flag else f" {cell(_metavar(option))}"
    default = f"`{option.default}`" if isinstance(option.default, (int, float, str)) and not option.is_flag else ""
    if option.secondary_opts:
        default = f"`{(option.opts if option.default else option.secondary_opts)[0]}`"
    return f"| {names}{takes} | {default} | {cell(option.help or '')} | {_environment(option)} |"


def _metavar(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return ", ".join(f"`{choice}`" for choice in option.type.choices)
    return f"`{option.metavar or option.type.name.upper()}`"


def _environment(option: click.Option) -> str:
    """The variable of the setting that the option overrides, if it does."""
    name = _SETTING_OF.get(option.name or "", option.name or "")
    own = option.multiple or (isinstance(option.default, (int, float)) and not option.is_flag)
    return f"`{_VARIABLES[name]}`" if name in _VARIABLES and not own else ""

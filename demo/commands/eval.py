"""The command `eval`, with the library of drawn pictures where there is no other."""

from contextlib import AbstractContextManager

import click

from core.bootstrap import Container
from core.evaluation.evaluator import GroundTruth
from search_ui.commands.eval import Demo, eval_command


def _made() -> AbstractContextManager[tuple[Container, GroundTruth]]:
    from demo.evaluation.eval_demo import made

    return made()


def _known(container: Container) -> GroundTruth | None:
    from demo.evaluation.eval_demo import known_of

    return known_of(container)


evaluate: click.Command = eval_command(Demo(_made, _known))

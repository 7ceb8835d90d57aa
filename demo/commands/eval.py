"""The command `eval`, with the library of drawn pictures where there is no other."""

from contextlib import AbstractContextManager

import click

from core.bootstrap import Container
from core.evaluation.evaluator import GroundTruth
from search_ui.commands.eval import Demo, eval_command


def _make_library() -> AbstractContextManager[tuple[Container, GroundTruth]]:
    from demo.evaluation.eval_demo import make_library

    return make_library()


def _read_ground_truth(container: Container) -> GroundTruth | None:
    from demo.evaluation.eval_demo import read_ground_truth

    return read_ground_truth(container)


evaluate: click.Command = eval_command(Demo(_make_library, _read_ground_truth))

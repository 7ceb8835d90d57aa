"""Logging of the command line: one event a line on standard error."""

import logging

from core.text.sanitize import printable

_FORMAT = "time=%(asctime)s level=%(levelname)s logger=%(name)s event=%(message)s"


class OneLine(logging.Formatter):
    """A formatter of one line an event, whose text cannot command a terminal.

    Line breaks of messages and tracebacks are escaped too.
    """

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def configure_logging(level: str) -> None:
    """Log what is of this level or above; a root logger that has handlers already stays as it is."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine(_FORMAT))
    logging.basicConfig(level=level.upper(), handlers=[handler])

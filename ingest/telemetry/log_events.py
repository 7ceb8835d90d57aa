"""Log events that programs read: a name, then key=value pairs, through the loggers of `logging`."""

import logging
from typing import Any, cast

import structlog
from structlog.processors import LogfmtRenderer
from structlog.stdlib import BoundLogger
from structlog.typing import EventDict

_logfmt = LogfmtRenderer(bool_as_flag=False)


def get_logger(name: str) -> BoundLogger:
    """Return a logger whose calls take an event and its values: `log.info("run_ended", kind="full")`.

    The line is `run_ended kind=full`, whatever handlers and levels `logging` is configured with.
    Floats have three decimals, and values that are None are left out.
    """
    logger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            _render_values,
            structlog.stdlib.render_to_log_kwargs,
        ],
        wrapper_class=BoundLogger,
    )
    return cast(BoundLogger, logger)


def _render_values(logger: Any, method: str, event_dict: EventDict) -> EventDict:
    """Render all values behind the event's name; what `logging` itself takes stays apart."""
    event, exc_info = event_dict.pop("event"), event_dict.pop("exc_info", None)
    values = {key: _as_text(value) for key, value in event_dict.items() if value is not None}
    return {"event": " ".join(filter(None, (event, _logfmt(logger, method, values)))), "exc_info": exc_info}


def _as_text(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)

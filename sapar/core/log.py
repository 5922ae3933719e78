"""Log lines: one event name and named values each, as JSON or for a person."""

from __future__ import annotations

import logging
import sys

import structlog

from sapar.core.settings import Settings


def configure_logging(settings: Settings, part: str) -> None:
    """Set the process's logging up once; every line carries the `part` that wrote it."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(part=part)


def get_logger() -> structlog.stdlib.BoundLogger:
    """Give a logger; `log.info("event_name", key=value)`."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger()
    return logger

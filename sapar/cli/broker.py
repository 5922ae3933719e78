"""`sapar broker-sync` and `sapar broker-config`: the broker's users, topics and configuration."""

from __future__ import annotations

import typer

from sapar.cli.process import run_until_signal, start_part
from sapar.cli.report import reported
from sapar.core.settings import Settings


def broker_sync() -> None:
    """Keep the broker's users and topics current and count what it refuses, until stopped.

    Runs beside the broker, which needs its configuration first (`sapar broker-config`).
    """
    from sapar.fleet.broker_sync import run_broker_sync

    settings = Settings()
    metrics = start_part(settings, "broker-sync")
    with reported():
        run_until_signal(run_broker_sync(settings, metrics))


def broker_config() -> None:
    """Write the broker's configuration into SAPAR_BROKER_DIR and say where it is."""
    from sapar.fleet.broker import BrokerFiles, write_config

    settings = Settings()
    with reported():
        write_config(settings)
    typer.echo(BrokerFiles.of(settings).config)

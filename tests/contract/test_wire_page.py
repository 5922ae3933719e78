"""docs/wire-contract.md: its commands are run as they stand, and its tables say what the code does."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import SecretStr

from sapar.contract.checks import MESSAGE_CODES, RULES_BY_KIND, SEAL_CODES
from sapar.contract.codec import BATCH_RECORDS_MAX
from sapar.contract.json_schema import MESSAGE_TYPES
from sapar.core.db import connect, open_pool
from sapar.core.metrics import Metrics
from sapar.core.settings import Settings
from sapar.fleet.agencies import ensure_agency
from sapar.fleet.broker import INTERNAL_MESSAGE_BYTES_MAX, ensure_internal_password
from sapar.fleet.broker_log import REASONS
from sapar.fleet.broker_sync import run_broker_sync
from sapar.ingest.worker import run_ingest
from tests.fleet.product_broker import ProductBroker, product_broker

_MARK = "=== command "


class Command(NamedTuple):
    text: str
    expected: str


@pytest.fixture(scope="session")
def page(repository: Path) -> str:
    return (repository / "docs/wire-contract.md").read_text(encoding="utf-8")


def commands_of(page: str) -> list[Command]:
    """The commands of all console blocks, each with the output that the page shows."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            found.append(Command(command, expected))
    return found


def pattern_of(expected: str) -> str:
    """An ellipsis stands for anything within its line."""
    return ".*".join(map(re.escape, expected.split("…")))


@asynccontextmanager
async def deployment(broker: ProductBroker, database: str) -> AsyncIterator[Settings]:
    """Ingest and broker-sync at work, as `sapar demo` starts them."""
    settings = broker.settings.model_copy(
        update={
            "database_url": SecretStr(database),
            "broker_password": SecretStr(ensure_internal_password(broker.settings)),
        }
    )
    parts = [
        asyncio.create_task(run_broker_sync(settings, Metrics())),
        asyncio.create_task(run_ingest(settings, settings.clock(), Metrics())),
    ]
    try:
        yield settings
    finally:
        for part in parts:
            part.cancel()
        ended = await asyncio.gather(*parts, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended


async def run_page(commands: list[Command], settings: Settings, folder: Path) -> list[str]:
    """Run all commands in one shell; give the output of each."""
    script = "".join(f"echo '{_MARK}{n}'\n{c.text}\n" for n, c in enumerate(commands))
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "HOST": settings.device_broker_host,
        "PORT": str(settings.device_broker_port),
        "AGENCY": "aktobe",
        "SAPAR_DATABASE_URL": settings.database_url.get_secret_value(),
        "SAPAR_BROKER_DIR": str(settings.broker_dir),
    }
    shell = await asyncio.create_subprocess_exec(
        "bash",
        "-u",
        "-o",
        "pipefail",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        cwd=folder,
    )
    output, _ = await asyncio.wait_for(shell.communicate(script.encode()), 120)
    parts = re.split(rf"^{_MARK}\d+\n", output.decode(), flags=re.MULTILINE)
    return parts[1:]


async def test_the_commands_do_what_the_page_shows(page, service_directory, database, tmp_path):
    commands = commands_of(page)
    assert len(commands) >= 8
    with connect(database) as connection:
        ensure_agency(connection, "aktobe", timezone="Asia/Aqtobe")
    with product_broker(service_directory / "broker") as broker:
        async with deployment(broker, database) as settings:
            outputs = await run_page(commands, settings, tmp_path)
    assert len(outputs) == len(commands)
    for command, output in zip(commands, outputs, strict=True):
        assert re.fullmatch(pattern_of(command.expected), output), (command, output)
    async with open_pool(database) as pool, pool.connection() as database_connection:
        counts = {}
        for table in ("fix", "event", "shift", "dead_letter", "device_status"):
            cursor = await database_connection.execute(f"SELECT count(*) FROM {table}")
            counts[table] = (await cursor.fetchone() or (None,))[0]
    assert counts == {"fix": 2, "event": 1, "shift": 1, "dead_letter": 2, "device_status": 1}


def codes_of_table(section: str) -> set[str]:
    return set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE))


def test_every_refusal_code_is_on_the_page(page):
    rules = {rule.code for rules in RULES_BY_KIND.values() for rule in rules}
    refused, _, held = page.partition("## Refusal codes")[2].partition("A **tap** may also be held")
    assert codes_of_table(refused) == rules | set(MESSAGE_CODES)
    assert codes_of_table(held) == set(SEAL_CODES)
    assert all(f"| {meaning} |" in held for meaning in SEAL_CODES.values())


def test_every_reason_of_the_broker_is_on_the_page(page):
    told = page.partition("What the broker refuses by itself")[2]
    assert set(re.findall(r"`([a-z]+_[a-z_]+)`", told)) == {reason.code for reason in REASONS}


def test_limits_on_the_page_are_those_of_the_code(page):
    defaults = Settings.model_fields
    for text in (
        f"| records in a message | {BATCH_RECORDS_MAX:,};",
        f"| bytes in a message | {defaults['message_bytes_max'].default:,} |",
        f"| bytes in an MQTT packet | {INTERNAL_MESSAGE_BYTES_MAX:,} |",
        f"| device time ahead of the server's | {defaults['future_clock_max_s'].default} s |",
        f"| device time behind the server's | {defaults['past_clock_max_days'].default} days |",
    ):
        assert text in page


def test_every_field_of_every_message_is_on_the_page(page):
    for kind, message in MESSAGE_TYPES.items():
        for name in message.__struct_fields__:
            assert f"`{name}`" in page, (kind, name)

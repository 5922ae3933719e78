"""The scene of the arrivals, with a busy quarter of an hour and a card that can be looked up."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.transit import gtfs_realtime_pb2 as pb
from playwright.async_api import Browser, Page

from sapar.core.db import connect, connect_async
from sapar.core.settings import Settings
from sapar.ticketing.cards.lookup import numbers, pins
from sapar.ticketing.cards.operations import Desk, carry_out
from sapar.ticketing.cards.requests import Issue, Paid, TopUp
from sapar.ticketing.ledger.accounts import Accounts
from tests.api.arrivals.conftest import Show, import_scene, show
from tests.api.arrivals.scene import add_alert, add_run, at, bus, new_message
from tests.api.browsing import complaints_of
from tests.api.conftest import Instance

__all__ = ["CARD_NUMBER", "CARD_PIN", "NOW", "Busy", "Show", "show"]

NOW = at(10, 12)
CARD_NUMBER, CARD_PIN = "9643 9000 0000 1234", "4071"

Busy = Callable[..., None]
PATIENCE_MS = 20_000
Open = Callable[..., AbstractAsyncContextManager[Page]]
EXPECTED = ("Failed to load resource", "net::ERR_")
"""What Chromium itself writes into the console when the network is away."""


@pytest.fixture
def town_settings(settings: Settings, agency: str, tmp_path: Path) -> Settings:
    """Settings whose default agency is the test's; the scene is its timetable."""
    import_scene(settings, agency)
    return settings.model_copy(
        update={"agency": agency, "card_lookup_key_file": tmp_path / "lookup.key"}
    )


@pytest.fixture
def busy(show: Show) -> Busy:
    """Shows a busy moment: a live bus, a cancelled run, a skipped stop, one without signal."""

    def take(later_s: int = 0, *, silent: bool = False) -> None:
        now = NOW + later_s
        message = new_message(now)
        add_run(message, "m2", (), relation=pb.TripDescriptor.CANCELED)
        calls = [(6, "B", NOW + 270, NOW + 290), (11, "C", NOW + 900, NOW + 900)]
        if not silent:
            add_run(message, "m1", calls, vehicle="7", unsure_s=60)
        left_out = add_run(message, "s1", [(1, "A", now + 10, now + 20)], vehicle="8")
        call = left_out.stop_time_update.add(stop_sequence=6, stop_id="B")
        call.schedule_relationship = pb.TripUpdate.StopTimeUpdate.SKIPPED
        alerts = new_message(now)
        alert = add_alert(alerts, "detour-1", "105: detour", route_id="R1")
        for language, text in (("ru", "Объезд: улица перекрыта"), ("kk", "Айналма жол")):
            alert.header_text.translation.add(text=text, language=language)
            alert.description_text.translation.add(text=f"{text} / {language}", language=language)
        show(
            message,
            buses=[
                bus("7", now - (400 if silent else 4), "m1", route_id="R1", stale=silent),
                bus("8", now - 5, "s1", lon=57.152),
            ],
            full={"7": (pb.VehiclePosition.STANDING_ROOM_ONLY, 72)},
            alerts=alerts,
        )

    return take


@pytest.fixture
async def card(town_settings: Settings, agency: str) -> str:
    """A card with money on it and a PIN; gives its reference."""
    conninfo = town_settings.database_url.get_secret_value()
    with connect(conninfo) as blocking:
        blocking.execute(
            "INSERT INTO carrier (agency_id, carrier_id, name) VALUES (%s, 'park-1', 'Park 1')",
            (agency,),
        )
    desk = Desk(town_settings.clock(), Accounts(conninfo))
    key = numbers.ensure_lookup_key(town_settings.card_lookup_key_file)
    card_ref = "f55799f06b5b4117"
    known: dict[str, Any] = {"agency_id": agency, "actor": "teller", "card_ref": card_ref}
    connection = await connect_async(conninfo)
    async with connection:
        await carry_out(connection, desk, Issue(key="1", category="adult", **known))
        paid = Paid(by="agent", name="kassa24")
        await carry_out(connection, desk, TopUp(key="2", amount_tiyn=124_000, paid=paid, **known))
        await pins.set_pin(
            connection,
            agency,
            card_ref,
            number_hash=numbers.hash_number(key, agency, numbers.read_number(CARD_NUMBER)),
            pin=CARD_PIN,
            actor="teller",
            now=datetime.now(UTC),
        )
    return card_ref


@pytest.fixture
def phone(browser: Browser, api: Instance) -> Open:
    """Opens the page on a small phone; at the end it must have complained of nothing."""

    @asynccontextmanager
    async def visit(path: str, *, may_fail: bool = False, **options: object) -> AsyncIterator[Page]:
        known: dict[str, object] = {
            "viewport": {"width": 360, "height": 740}, "locale": "en-GB", "color_scheme": "light",
        }  # fmt: skip
        context = await browser.new_context(**{**known, **options})  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        complaints = complaints_of(page)
        try:
            await page.goto(f"{api.url}{path}")
            yield page
        finally:
            await context.close()  # else its stream would keep the instance from ending
        if may_fail:
            complaints = [one for one in complaints if not one.startswith(EXPECTED)]
        assert complaints == []

    return visit

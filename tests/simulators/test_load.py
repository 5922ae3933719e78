"""The load publisher: counts what the broker acknowledged, no more."""

import asyncio

import pytest

from sapar.contract.codec import decoder_for
from sapar.contract.messages import Fix
from sapar.core.clock import SystemClock
from sapar.simulators.load import FixTemplate, LoadPublisher, LoadSettings
from tests.services import start_broker
from tests.simulators.acknowledger import acknowledger, until


def test_a_template_makes_good_fixes_with_rising_numbers():
    template = FixTemplate(LoadSettings("city", ["d"], epoch=3, longitude=-77.0), "d")
    decode = decoder_for("gps").decode
    made = decode(template.next(1000, 1)) + decode(template.next(2000, 10))
    fixes = [fix for fix in made if isinstance(fix, Fix)]
    assert [fix.seq for fix in fixes] == list(range(1, 12))
    assert {fix.epoch for fix in fixes} == {3}
    assert [fix.time_ms for fix in fixes] == [1000] + [2000] * 10
    assert 130 <= len(template.next(1_770_000_000_000, 1)) <= 190


@pytest.mark.parametrize("records", [1, 10])
async def test_what_is_reported_has_arrived(settings, broker, records):
    agency = f"load-{records}"
    load = LoadSettings(
        agency, ["a", "b", "c"], epoch=1, messages=500, chunk=70, records_per_message=records
    )
    async with acknowledger(broker, agency) as server:
        report = await LoadPublisher(settings, load, SystemClock()).run()
        assert (report.published, report.acknowledged, report.refused) == (500, 500, 0)
        assert report.records == 500 * records
        await until(lambda: len(server.times) == report.records)
    assert set(server.times.values()) == {1}
    for name, last in report.last_seq.items():
        assert server.seqs(name) == list(range(1, last + 1))
    assert report.messages_per_s > 0


async def test_a_rate_and_a_duration_are_kept(settings):
    load = LoadSettings(
        "load-rate", ["a"], epoch=1, rate_per_s=400, chunk=20, duration_s=1.0, connections=1
    )
    report = await LoadPublisher(settings, load, SystemClock()).run()
    assert 300 <= report.acknowledged <= 420
    assert 0.8 <= report.duration_s <= 1.5


async def test_what_was_under_way_when_the_broker_died_is_not_counted(settings, service_directory):
    own = start_broker(service_directory / "broker")
    try:
        at_own = settings.model_copy(
            update={
                "broker_port": own.internal_port,
                "broker_password": type(settings.broker_password)(own.password),
            }
        )
        load = LoadSettings("load-kill", ["a", "b"], epoch=1, duration_s=2.0, connections=2)
        publisher = LoadPublisher(at_own, load, SystemClock())
        task = asyncio.create_task(publisher.run())
        await until(lambda: publisher.report.acknowledged > 5000)
        own.process.kill()
        own.process.start()
        report = await task
    finally:
        own.process.stop()
    assert len(report.unacknowledged) == report.published - report.acknowledged > 0
    assert sum(report.last_seq.values()) == report.published

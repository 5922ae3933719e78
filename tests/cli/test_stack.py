"""Two private stacks beside each other, as two demos in two checkouts."""

from pathlib import Path

from sapar.cli.stack import LocalStack


def ports_of(stack: LocalStack) -> list[int]:
    settings = stack.settings
    brokers = [settings.broker_port, settings.device_broker_port]
    return [stack.postgres.port, settings.http_port, *brokers]


def test_two_stacks_share_no_port_before_anybody_listens(service_directory: Path):
    """The API comes up a minute after its port was chosen; the other stack starts meanwhile."""
    with (
        LocalStack(service_directory / "one", durable=False) as one,
        LocalStack(service_directory / "two", durable=False) as two,
    ):
        ports = ports_of(one) + ports_of(two)
        assert len(set(ports)) == 8

"""How parts start: with files enough for a whole city, and an end in good order."""

import subprocess
import sys

COUNT = (
    "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, {hard}));"
    "from sapar.cli.process import raise_file_limit; raise_file_limit();"
    "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
)


def limit_under(hard: int) -> int:
    """Soft limit of a process that starts with 256 files under a hard limit."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT.format(hard=hard)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_the_file_limit_is_raised_as_far_as_it_may_be():
    assert limit_under(3000) == 3000
    assert limit_under(256) == 256


def test_every_command_explains_itself():
    done = subprocess.run(
        [sys.executable, "-m", "sapar.cli.main", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    commands = ("demo", "ingest", "engine", "api", "simulate", "replay", "devices", "gtfs", "bench")
    for command in commands:
        assert command in done.stdout
        helped = subprocess.run(
            [sys.executable, "-m", "sapar.cli.main", command, "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert len(helped.stdout) > 200

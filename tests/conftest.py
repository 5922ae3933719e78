"""What every test may ask for; the services themselves are in tests/services.py."""

import os
from pathlib import Path

import hypothesis
import pytest

pytest_plugins = ["pytester", "tests.loop_watch", "tests.services"]

REPOSITORY = Path(__file__).resolve().parent.parent

# A busy machine is no reason for an example to fail; everything else stays as Hypothesis has it.
hypothesis.settings.register_profile("sapar", parent=hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("sapar")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def sapar_data() -> Path:
    """Folder of real feeds and recordings: SAPAR_DATA, by default ../shared/data."""
    folder = Path(os.environ.get("SAPAR_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real recordings: SAPAR_DATA is not set and {folder} does not exist")
    return folder

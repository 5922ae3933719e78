"""House rules on the whole tree: it runs elsewhere, names nobody's machine, leaves nothing undone."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pip._internal.models.index import PyPI

TEXT_BYTES_MAX = 2_000_000
UNDONE = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b|raise NotImplemented" + r"Error")


@pytest.fixture(scope="module")
def texts(repository: Path) -> dict[str, str]:
    """Every text file that is, or would be, committed."""
    found = {}
    for name in tracked_files(repository):
        path = repository / name
        if path.is_file() and path.stat().st_size <= TEXT_BYTES_MAX:
            data = path.read_bytes()
            if b"\0" not in data[:8000]:
                found[name] = data.decode("utf-8")
    assert "Makefile" in found
    return found


def tracked_files(repository: Path) -> list[str]:
    if (repository / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=repository,
            capture_output=True,
            check=True,
        )
        return [name for name in listed.stdout.decode().split("\0") if name]
    # An exported tree: everything but what set-up and runs make.
    made = {".venv", "var", "node_modules", "dist", "__pycache__"}
    return [
        str(path.relative_to(repository))
        for path in repository.rglob("*")
        if path.is_file() and not made & set(path.relative_to(repository).parts)
    ]


@cache
def registry_hosts(repository: Path) -> frozenset[str]:
    """Hosts that this machine's package clients ask, as those clients know them."""
    hosts = {PyPI.netloc, PyPI.file_storage_domain}
    if shutil.which("apt-get"):
        uris = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
        hosts |= {match[1] for match in re.finditer(r"://([^/\s]+)", uris)}
    node = run(str(repository / "scripts" / "node-path")).strip()
    path = f"{node}{os.pathsep}{os.environ['PATH']}"
    registry = run("npm", "config", "get", "registry", env={**os.environ, "PATH": path})
    hosts |= {match[1] for match in re.finditer(r"://([^/\s]+)", registry)}
    return frozenset(host for host in hosts if "." in host)


def run(*command: str, env: dict[str, str] | None = None) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout


def test_no_package_registry_is_named(texts: dict[str, str], repository: Path):
    hosts = registry_hosts(repository)
    assert len(hosts) >= 3
    named = [f"{name}: {host}" for name, text in texts.items() for host in hosts if host in text]
    assert named == []


def test_locks_hold_hashes_and_no_addresses(texts: dict[str, str]):
    for name in ("requirements.txt", "requirements-node.txt"):
        pins = re.findall(r"^[a-zA-Z0-9_.-]+==\S+", texts[name], re.MULTILINE)
        blocks = re.split(r"^(?=[a-zA-Z0-9_.-]+==)", texts[name], flags=re.MULTILINE)[1:]
        assert len(pins) == len(blocks) > 0
        assert all("--hash=sha256:" in block for block in blocks)
        assert "://" not in texts[name]
    packages = json.loads(texts["sapar/api/web/package-lock.json"])["packages"]
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert all("integrity" in entry for name, entry in packages.items() if name)


def test_the_lock_satisfies_the_project(texts: dict[str, str]):
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    pinned: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([\w.-]+)==([^\s;]+)", texts["requirements.txt"], re.MULTILINE
    ):
        pinned.setdefault(canonicalize_name(name), set()).add(version)
    for requirement in map(Requirement, wanted):
        versions = pinned.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement.name} is not locked: make lock"
        assert all(requirement.specifier.contains(version) for version in versions)


def test_no_path_of_the_machine_it_was_written_on(texts: dict[str, str], repository: Path):
    places = [f"{Path.home()}/", f"{repository}/"]
    pattern = re.compile("|".join(rf"(?<![\w.]){re.escape(place)}" for place in places))
    found = [f"{name}: {hit[0]}" for name, text in texts.items() if (hit := pattern.search(text))]
    assert found == []


def test_nothing_is_left_undone(texts: dict[str, str]):
    found = [f"{name}: {hit[0]}" for name, text in texts.items() if (hit := UNDONE.search(text))]
    assert found == []


def test_scripts_stop_at_the_first_error(texts: dict[str, str]):
    scripts = {name: text for name, text in texts.items() if text.startswith("#!/usr/bin/env bash")}
    assert {"scripts/setup", ".ci/run"} <= set(scripts)
    assert [name for name, text in scripts.items() if "set -euo pipefail" not in text] == []


def test_every_make_target_is_explained(texts: dict[str, str]):
    targets = re.findall(r"^([a-z-]+):(.*)$", texts["Makefile"], re.MULTILINE)
    assert [name for name, rest in targets if "## " not in rest] == []
    assert {"setup", "demo", "test", "bench"} <= {name for name, _ in targets}


def test_set_up_that_has_nothing_to_do_is_quick_and_quiet(repository: Path):
    setup = [repository / "scripts" / "setup"]
    subprocess.run(setup, capture_output=True, check=True)
    # Two seconds is the promise; the limit leaves room for a machine busy with other tests.
    done = subprocess.run(setup, capture_output=True, text=True, check=True, timeout=10)
    assert done.stdout.splitlines()[-1] == "setup: ready: .venv/bin/sapar"
    assert done.stderr == ""

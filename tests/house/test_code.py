"""House rules on the code itself."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from sapar.contract.checks import RULES_BY_KIND
from sapar.core.db import list_migrations, load_queries
from sapar.core.settings import settings_markdown

FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 400
OBVIOUS_QUERY_LINES = 3  # a longer query says what it does
CLOCK = Path("sapar/core/clock.py")
CLOCK_CALLS = {
    ("time", "time"),
    ("time", "time_ns"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
}


@pytest.fixture(scope="module")
def modules(repository: Path) -> dict[Path, str]:
    """Every Python file of the product and its tests."""
    found = {
        path.relative_to(repository): path.read_text(encoding="utf-8")
        for folder in ("sapar", "tests")
        for path in sorted((repository / folder).rglob("*.py"))
        if "node_modules" not in path.parts
    }
    assert len(found) > 50
    return found


def functions(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_imports_run_one_way(repository: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(repository)
    assert lint_imports(config_filename=str(repository / "pyproject.toml"), no_cache=True) == 0


def test_functions_fit_on_a_screen(modules: dict[Path, str]):
    long = [
        f"{path}:{node.lineno} {node.name}: {lines} lines"
        for path, text in modules.items()
        for node in functions(text)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_modules_hold_one_thing(modules: dict[Path, str]):
    long = {str(path): text.count("\n") for path, text in modules.items()}
    assert {name: lines for name, lines in long.items() if lines > MODULE_LINES_MAX} == {}


def test_only_the_clock_reads_the_clock(modules: dict[Path, str]):
    calls = [
        f"{path}:{node.lineno} {node.value.id}.{node.attr}"
        for path, text in modules.items()
        if path.parts[0] == "sapar" and path != CLOCK
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in CLOCK_CALLS
    ]
    assert calls == []


def test_migrations_are_named_and_numbered():
    migrations = list_migrations()  # raises when a name or a number is not as it should be
    assert migrations[0].number == 1
    assert all(migration.sql.lstrip().startswith("--") for migration in migrations)


def test_settings_are_documented(repository: Path):
    written = (repository / "docs" / "settings.md").read_text(encoding="utf-8")
    assert settings_markdown() in written, (
        "docs/settings.md is not current: .venv/bin/sapar settings --markdown > docs/settings.md"
    )


def test_every_content_check_says_its_code_and_is_tested(modules: dict[Path, str]):
    rules = {rule for kind in RULES_BY_KIND.values() for rule in kind}
    assert len(rules) > 5
    tests = "".join(
        text for path, text in modules.items() if path.parts[:2] == ("tests", "contract")
    )
    examples = {
        path.name.split(".")[1]
        for path in Path("sapar/contract/examples").rglob("bad/*")
        if path.name.count(".") >= 2
    }
    for rule in rules:
        code, check = rule.code, rule.check
        described = check.__doc__ or ""
        assert described.startswith(f"`{code}`"), f"{check.__name__} does not begin with its code"
        assert code in examples or check.__name__ in tests, f"{code} has no example and no test"


def queries_files(repository: Path) -> list[Path]:
    return sorted((repository / "sapar").rglob("queries.sql"))


def asked_for(name: str, code: str) -> bool:
    """Whether code names the query, whole or composed (`f"copy_{table}"`)."""
    composed = [re.sub(r"{.*?}", "[a-z_]+", text) for text in re.findall(r'f"([a-z_{}.]+)"', code)]
    return f'"{name}"' in code or any(
        re.fullmatch(pattern, name) for pattern in composed if pattern[0] != "["
    )


def test_named_queries_are_described_and_used(repository: Path):
    files = queries_files(repository)
    assert files
    wrong = []
    for path in files:
        package = ".".join(path.parent.relative_to(repository).parts)
        callers = "".join(
            module.read_text(encoding="utf-8") for module in path.parent.rglob("*.py")
        )
        for name, sql in load_queries(package).items():
            lines = sql.splitlines()
            if len(lines) > OBVIOUS_QUERY_LINES and not lines[0].startswith("--"):
                wrong.append(f"{package}: {name} is not described")
            if not asked_for(name, callers):
                wrong.append(f"{package}: nobody asks for {name}")
    assert wrong == []

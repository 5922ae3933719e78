"""JSON Schema of every message, generated from the models; the files lie in `contract/schema`.

A schema tells shape, not sense: a fix on null island fits it and is refused by the checks all the
same. `python -m sapar.contract.json_schema` writes the files, and a test holds them current.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from sapar.contract.codec import BATCH_RECORDS_MAX
from sapar.contract.messages import (
    RECORD_TYPES,
    Ack,
    Command,
    Config,
    DenyList,
    Record,
    Status,
    TariffNotice,
)
from sapar.contract.topics import ROOT

MESSAGE_TYPES: Final[dict[str, type[msgspec.Struct]]] = {
    **RECORD_TYPES,
    "status": Status,
    "ack": Ack,
    "cmd": Command,
    "config": Config,
    "denylist": DenyList,
    "denylist-delta": DenyList,
    "tariff": TariffNotice,
}
"""Model of a message by the last level of its topic."""

SCHEMA_DIRECTORY: Final = Path(__file__).with_name("schema")


def schema_of(kind: str) -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of the messages of one kind.

    For `gps`, `tap`, `event` and `shift` that is one record or a batch of records.
    """
    (one,), components = msgspec.json.schema_components(
        [MESSAGE_TYPES[kind]], ref_template="#/$defs/{name}"
    )
    message: dict[str, Any] = dict(one)
    if kind in RECORD_TYPES:
        batch = {"type": "array", "items": one, "maxItems": BATCH_RECORDS_MAX}
        message = {"oneOf": [one, batch]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{ROOT} {kind}",
        **message,
        "$defs": {name: _describe(component) for name, component in components.items()},
    }


def _describe(component: dict[str, Any]) -> dict[str, Any]:
    """Spread a model's docstring over its properties: the schema then tells every unit."""
    summary, _, attributes = component.get("description", "").partition("Attributes:\n")
    component["description"] = " ".join(summary.split())
    described = _attributes(Record.__doc__ or "") | _attributes(attributes)
    for name, schema in component["properties"].items():
        if name in described:
            schema["description"] = described[name]
    return component


def _attributes(text: str) -> dict[str, str]:
    """Read the entries `name, name: description` of a docstring; those that share one share it."""
    found: dict[str, str] = {}
    for entry in re.split(r"\n\s*(?=[a-z][a-z_, ]*: )", f"\n{text}"):
        names, separator, description = entry.partition(": ")
        if separator:
            found |= dict.fromkeys(names.strip().split(", "), " ".join(description.split()))
    return found


def render_schemas() -> Iterator[tuple[Path, str]]:
    """Give each schema's file and text."""
    for kind in MESSAGE_TYPES:
        text = json.dumps(schema_of(kind), indent=2, ensure_ascii=False)
        yield SCHEMA_DIRECTORY / f"{kind}.json", f"{text}\n"


def main() -> None:
    """Write all files."""
    SCHEMA_DIRECTORY.mkdir(exist_ok=True)
    for path, text in render_schemas():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""Every example file is a test: good ones are taken whole, bad ones give the code of their name.

The examples were written for one moment and one city: 2026-08-01 06:00 UTC in Aktobe.
"""

import re
from pathlib import Path

import jsonschema
import msgspec
import pytest

from sapar.contract import checks
from sapar.contract.checks import MESSAGE_CODES, RULES_BY_KIND, Area, CheckContext, find_refusal
from sapar.contract.codec import Undecodable, decode, decoder_for, encode, encoding_of
from sapar.contract.json_schema import MESSAGE_TYPES, SCHEMA_DIRECTORY, render_schemas, schema_of
from sapar.contract.messages import RECORD_TYPES

EXAMPLES = Path(checks.__file__).with_name("examples")
CONTEXT = CheckContext(
    now_ms=1_785_564_000_000,
    area=Area(50.0, 56.8, 50.6, 57.6),
    future_max_ms=300_000,
    past_max_ms=90 * 86_400_000,
)
FILES = sorted(path for path in EXAMPLES.rglob("*") if path.is_file())
GOOD = [path for path in FILES if path.parent.name == "good"]
BAD = [path for path in FILES if path.parent.name == "bad"]

# Codes that depend on more than the message: who sent it, on which topic, the limit in force, and
# what the database says. tests/ingest has them.
BEYOND_CONTENT = {
    "unknown_device",
    "revoked_device",
    "wrong_topic",
    "message_too_large",
    "database_refused",
    "server_fault",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(EXAMPLES))


def kind_of(path: Path) -> str:
    return path.relative_to(EXAMPLES).parts[0]


def payload_of(path: Path) -> bytes:
    if path.name.endswith(".msgpack.hex"):
        return bytes.fromhex(path.read_text(encoding="ascii"))
    return path.read_bytes()


def codes_of(kind: str, payload: bytes) -> list[str | None]:
    """Code of each record of a message, None for a good one."""
    if kind in RECORD_TYPES:
        return [
            record.code
            if isinstance(record, Undecodable)
            else getattr(find_refusal(record, RULES_BY_KIND.get(kind, ()), CONTEXT), "code", None)
            for record in decoder_for(kind).decode(payload)
        ]
    module = msgspec.json if encoding_of(payload) == "json" else msgspec.msgpack
    try:
        module.decode(payload, type=MESSAGE_TYPES[kind])
    except msgspec.DecodeError as exc:
        return ["missing_field" if "missing required field" in str(exc) else "decode_error"]
    return [None]


def test_every_file_is_an_example():
    for path in FILES:
        assert re.fullmatch(
            r"[a-z-]+/(good|bad)/\d{3}\.[a-z_]+\.(json|msgpack\.hex)", name_of(path)
        ), path
    for kind in MESSAGE_TYPES:
        for sort in ("good", "bad"):
            numbers = [int(p.name[:3]) for p in FILES if p.parent == EXAMPLES / kind / sort]
            assert numbers == list(range(1, len(numbers) + 1)) != []


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_good_examples_are_taken_whole(path):
    kind, payload = kind_of(path), payload_of(path)
    assert set(codes_of(kind, payload)) <= {None}
    module = msgspec.json if path.suffix == ".json" else msgspec.msgpack
    plain = module.decode(payload)
    jsonschema.validate(plain, schema_of(kind), cls=jsonschema.Draft202012Validator)
    # the other encoding says the same; bytes are base64 in one and themselves in the other
    meant = plain if kind in RECORD_TYPES else decode(payload, MESSAGE_TYPES[kind])
    other = encode(meant, "msgpack" if path.suffix == ".json" else "json")
    assert encoding_of(other) != encoding_of(payload)
    if kind in RECORD_TYPES:
        assert decoder_for(kind).decode(other) == decoder_for(kind).decode(payload)
    else:
        assert set(codes_of(kind, other)) == {None}


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_bad_examples_are_refused_with_the_code_of_their_name(path):
    assert codes_of(kind_of(path), payload_of(path)) == [path.name.split(".")[1]]


@pytest.mark.parametrize("path", [p for p in BAD if p.suffix == ".json"], ids=name_of)
def test_the_schema_refuses_what_the_decoder_refuses(path):
    code = path.name.split(".")[1]
    try:
        plain = msgspec.json.decode(path.read_bytes())
    except msgspec.DecodeError:
        assert code == "decode_error"
        return
    errors = list(jsonschema.Draft202012Validator(schema_of(kind_of(path))).iter_errors(plain))
    assert bool(errors) == (code in {"decode_error", "missing_field"})


def test_every_code_has_a_bad_example():
    shown = {(kind_of(path), path.name.split(".")[1]) for path in BAD}
    for kind, rules in RULES_BY_KIND.items():
        assert {(kind, rule.code) for rule in rules} <= shown
    assert set(MESSAGE_CODES) - BEYOND_CONTENT <= {code for _, code in shown}


def test_a_bad_record_does_not_spoil_its_batch():
    good = msgspec.json.decode(payload_of(EXAMPLES / "gps/good/001.position_alone.json"))
    bad = [
        msgspec.json.decode(path.read_bytes())
        for path in BAD
        if kind_of(path) == "gps" and path.suffix == ".json" and "decode" not in path.name
    ]
    batch = [good, *bad, good]
    for encoding in ("json", "msgpack"):
        codes = codes_of("gps", encode(batch, encoding))
        assert codes[0] is codes[-1] is None
        assert None not in codes[1:-1]


def test_schema_files_are_current():
    expected = dict(render_schemas())
    assert {
        path: path.read_text(encoding="utf-8") for path in SCHEMA_DIRECTORY.iterdir()
    } == expected
    for kind in MESSAGE_TYPES:
        jsonschema.Draft202012Validator.check_schema(schema_of(kind))


def test_every_property_of_a_record_is_described():
    for kind in RECORD_TYPES:
        for component in schema_of(kind)["$defs"].values():
            for name, schema in component["properties"].items():
                if kind != "shift" or name in {"epoch", "seq", "time_ms"}:
                    assert schema.get("description"), (kind, name)

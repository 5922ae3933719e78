"""Bytes to records and back; JSON and MessagePack are told apart by the first byte.

A JSON document starts with a byte below 0x80; a MessagePack map or array with one at or above it.
"""

from __future__ import annotations

import hashlib
from typing import Any, Generic, Literal, TypeVar

import msgspec

from sapar.contract.messages import RECORD_TYPES, Record

Encoding = Literal["json", "msgpack"]
R = TypeVar("R", bound=Record)
T = TypeVar("T")

# Text that is no UTF-8 and nesting beyond the interpreter's stack are the sender's doing as well.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

BATCH_RECORDS_MAX = 1000
"""Most records in one message; a longer batch is refused whole (code `batch_too_long`)."""


class Undecodable(msgspec.Struct, frozen=True):
    """Bytes that are no record.

    Attributes:
        payload: the bytes of the record, or of the whole message when it cannot be taken apart.
        code: reason code.
        detail: what the decoder said, with the place in the document.
    """

    payload: bytes
    code: str
    detail: str


def encoding_of(payload: bytes) -> Encoding:
    """Tell JSON and MessagePack apart; an empty message counts as JSON."""
    return "msgpack" if payload and payload[0] >= 0x80 else "json"


def digest_of(payload: bytes) -> str:
    """Name bytes by their SHA-256, as acknowledgements do for undecodable messages."""
    return hashlib.sha256(payload).hexdigest()


class RecordDecoder(Generic[R]):
    """Decodes messages of one kind.

    Args:
        record_type: the record's model, one of `RECORD_TYPES`.
    """

    def __init__(self, record_type: type[R]) -> None:
        self._json_one = msgspec.json.Decoder(record_type)
        self._json_many = msgspec.json.Decoder(list[record_type])  # type: ignore[valid-type]
        self._msgpack_one = msgspec.msgpack.Decoder(record_type)
        self._msgpack_many = msgspec.msgpack.Decoder(list[record_type])  # type: ignore[valid-type]

    def decode(self, payload: bytes) -> list[R | Undecodable]:
        """Give the message's records in order; what is no record stands in its place.

        One bad record does not spoil the others of its batch.
        """
        first = payload[0] if payload else 0
        if first <= 0x20:  # JSON may begin with white space
            first = next(iter(payload.lstrip(b" \t\r\n")), 0)
        try:
            if first == 0x7B:
                return [self._json_one.decode(payload)]
            if first < 0x80:
                many = self._json_many.decode(payload)
            elif first <= 0x8F or first >= 0xDE:
                return [self._msgpack_one.decode(payload)]
            else:
                many = self._msgpack_many.decode(payload)
        except _UNREADABLE as exc:
            return self._decode_apart(payload, exc)
        if len(many) > BATCH_RECORDS_MAX:
            return [_too_long(payload)]
        return list(many)

    def _decode_apart(self, payload: bytes, cause: Exception) -> list[R | Undecodable]:
        """Take a batch with a bad record apart; a message that is no array is undecodable whole."""
        raws = _find_raws(payload)
        if raws is None:
            return [_undecodable(payload, cause)]
        if len(raws) > BATCH_RECORDS_MAX:
            return [_too_long(payload)]
        one = self._json_one if encoding_of(payload) == "json" else self._msgpack_one
        found: list[R | Undecodable] = []
        for raw in raws:
            try:
                found.append(one.decode(raw))
            except _UNREADABLE as exc:
                found.append(_undecodable(bytes(raw), exc))
        return found


def _undecodable(payload: bytes, cause: Exception) -> Undecodable:
    missing = "missing required field" in str(cause)
    return Undecodable(payload, "missing_field" if missing else "decode_error", str(cause)[:200])


def _too_long(payload: bytes) -> Undecodable:
    return Undecodable(
        payload, "batch_too_long", f"a message holds at most {BATCH_RECORDS_MAX} records"
    )


def decoder_for(kind: str) -> RecordDecoder[Any]:
    """Make the decoder for the records of a topic kind (`gps`, `tap`, `event`, `shift`)."""
    return RecordDecoder(RECORD_TYPES[kind])


def encode(message: Any, encoding: Encoding = "json") -> bytes:
    """Encode a record, a list of records or any other message of the contract."""
    return msgspec.json.encode(message) if encoding == "json" else msgspec.msgpack.encode(message)


def decode(payload: bytes, message_type: type[T]) -> T:
    """Decode a message that is no record (status, acknowledgement, configuration and so on).

    Raises:
        msgspec.DecodeError: it is not one.
    """
    try:
        if encoding_of(payload) == "json":
            return msgspec.json.decode(payload, type=message_type)
        return msgspec.msgpack.decode(payload, type=message_type)
    except (UnicodeDecodeError, RecursionError) as exc:
        raise msgspec.DecodeError(str(exc)) from exc


def list_record_bytes(payload: bytes) -> list[bytes]:
    """Give the bytes of each record of a message, exactly as sent; one that is no batch is one."""
    raws = _find_raws(payload)
    return [payload] if raws is None else [bytes(raw) for raw in raws]


def _find_raws(payload: bytes) -> list[msgspec.Raw] | None:
    """Take a batch apart without reading its records; None when the message is no array."""
    try:
        if encoding_of(payload) == "json":
            return msgspec.json.decode(payload, type=list[msgspec.Raw])
        return msgspec.msgpack.decode(payload, type=list[msgspec.Raw])
    except _UNREADABLE:
        return None

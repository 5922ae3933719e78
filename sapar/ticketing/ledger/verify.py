"""Whether the ledger is what was hashed: in the database, and from an exported file without one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput
from sapar.ticketing.ledger.chain import (
    NO_HASH,
    Block,
    Body,
    block_hash,
    body_of,
    list_blocks,
    list_heads,
    read_body,
)
from sapar.ticketing.ledger.chain_file import read_chain, split_journals

_QUERIES = load_queries("sapar.ticketing.ledger")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was hashed.

    Attributes:
        what: in a sentence.
        block_no: the block that it is in; None: it is about the whole chain.
        journal_no: the journal, where an untouched copy tells which.
    """

    what: str
    block_no: int | None = None
    journal_no: int | None = None


@dataclass(slots=True)
class Verdict:
    """What a verification found; the ledger is whole when there are no findings.

    Attributes:
        blocks, journals: in the chain.
        head: hash of the last block, 32 zero bytes without one.
        unhashed: journals that are younger than the last block.
        findings: in the order of the blocks.
    """

    blocks: int = 0
    journals: int = 0
    head: bytes = NO_HASH
    unhashed: int = 0
    findings: list[Finding] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "ok": not self.findings,
            "blocks": self.blocks,
            "journals": self.journals,
            "head": self.head.hex(),
            "unhashed": self.unhashed,
            "findings": [
                {"what": one.what, "block_no": one.block_no, "journal_no": one.journal_no}
                for one in self.findings
            ],
        }


class Verifier:
    """Checks blocks one after the other, each against the one before it.

    Args:
        head: a hash that was published; it must be of one of the blocks.
    """

    def __init__(self, head: bytes | None = None) -> None:
        self.verdict = Verdict()
        self._asked = head
        self._seen = head is None
        self._last: Block | None = None

    def add(self, block: Block, body: Body) -> bool:
        """Check the next block; give whether all is well with it."""
        last, verdict = self._last, self.verdict
        number, from_xid, previous = (
            (1, 0, NO_HASH) if last is None else (last.block_no + 1, last.to_xid, last.hash)
        )
        checks = (
            (block.block_no == number, f"block {number} is missing"),
            (block.from_xid == from_xid, "it does not begin where the one before it ends"),
            (block.previous_hash == previous, "it does not follow the block before it"),
            (block.journals == body.journals,
             f"{block.journals} journals were hashed, {body.journals} are here"),
            (block.hash == block_hash(block, body.digest), "its journals are not what was hashed"),
        )  # fmt: skip
        wrong = [Finding(what, block.block_no) for is_right, what in checks if not is_right]
        verdict.findings.extend(wrong)
        verdict.blocks += 1
        verdict.journals += body.journals
        verdict.head = block.hash
        self._seen = self._seen or block.hash == self._asked
        self._last = block
        return not wrong

    def end(self) -> Verdict:
        """Give the verdict."""
        if not self._seen:
            self.verdict.findings.append(Finding("no block has the published head"))
        return self.verdict


def verify_file(file: BinaryIO, head: bytes | None = None) -> Verdict:
    """Verify an exported ledger; needs nothing but the file.

    Raises:
        BadInput: the file is cut short or not of this kind.
    """
    verifier = Verifier(head)
    for block, pieces in read_chain(file):
        body = b"".join(pieces)
        count = sum(1 for _ in split_journals(body))
        verifier.add(block, Body(count, hashlib.sha256(body).digest()))
    return verifier.end()


async def verify_database(
    connection: AsyncConnection, head: bytes | None = None, copy: BinaryIO | None = None
) -> Verdict:
    """Verify the ledger in the database.

    Args:
        connection: where it is.
        head: a hash that was published.
        copy: an exported ledger that verifies itself; tells which journals of a bad block differ.
    """
    verifier = Verifier(head)
    bad: list[Block] = []
    blocks = await list_blocks(connection)
    for block in blocks:
        body = await body_of(connection, block.from_xid, block.to_xid)
        if not verifier.add(block, body):
            bad.append(block)
    verdict = verifier.end()
    hashes = {block.block_no: block.hash for block in blocks}
    verdict.findings.extend(
        Finding(f"the head of {published.head_date} is not the hash of its block", published[1])
        for published in await list_heads(connection)
        if hashes.get(published.block_no) != published.hash
    )
    with translated():
        last_xid = blocks[-1].to_xid if blocks else 0
        found = await connection.execute(_QUERIES["count_unhashed"], {"to_xid": last_xid})
        row = await found.fetchone()
    assert row is not None
    verdict.unhashed = row[0]
    if copy is not None:
        await _compare(connection, verdict, hashes, bad, copy)
    return verdict


async def _compare(
    connection: AsyncConnection,
    verdict: Verdict,
    hashes: dict[int, bytes],
    bad: list[Block],
    copy: BinaryIO,
) -> None:
    """Name journals of bad blocks that differ from the copy, and blocks that it has otherwise."""
    numbers = {block.block_no: block for block in bad}
    for block, pieces in read_chain(copy):
        body = b"".join(pieces)
        if hashes.get(block.block_no) != block.hash:
            verdict.findings.append(Finding("the copy has another block", block.block_no))
        if block.block_no not in numbers:
            continue
        ours = numbers[block.block_no]
        stored = b"".join([
            piece async for piece in read_body(connection, ours.from_xid, ours.to_xid)
        ])  # fmt: skip
        here, there = dict(split_journals(stored)), dict(split_journals(body))
        for journal_no in sorted(here.keys() | there.keys()):
            if here.get(journal_no) == there.get(journal_no):
                continue
            what = (
                "it is not in the copy" if journal_no not in there
                else "it is missing" if journal_no not in here
                else "it was changed"
            )  # fmt: skip
            verdict.findings.append(Finding(what, block.block_no, journal_no))


def parse_head(text: str) -> bytes:
    """Read a published head.

    Raises:
        BadInput: it is not 64 hexadecimal digits.
    """
    try:
        head = bytes.fromhex(text)
    except ValueError:
        head = b""
    if len(head) != len(NO_HASH):
        raise BadInput("a head is 64 hexadecimal digits", code="bad_head")
    return head

"""A claim as a document; the same bytes always."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sapar.core.db import AsyncConnection
from sapar.finance.claims.claiming import Claim, ClaimLine, get_claim, list_claim_lines
from sapar.finance.settlement.paper import Column, Format, Paper, Table, render
from sapar.finance.settlement.statement_paper import agency_name, kept_paper, period_text
from sapar.finance.settlement.wording import Language, decimal_mark, word

BLOCKS = ("concession", "late", "refunds", "production")


async def claim_file(
    connection: AsyncConnection,
    agency_id: str,
    claim_no: int,
    form: Format,
    language: Language = "ru",
) -> bytes:
    """Give a claim as a file, as it was given out the first time.

    Args:
        connection: not in a transaction, or in one of the caller's.
        agency_id: whose.
        claim_no: which.
        form: `xlsx`, `pdf` or `csv`.
        language: `kk`, `ru` or `en`.

    Raises:
        NotFound: there is no such claim.
        Unavailable: `no_font`: there is no font for a PDF.
    """
    claim = await get_claim(connection, agency_id, claim_no)

    async def make() -> bytes:
        lines = await list_claim_lines(connection, claim_no)
        operator = await agency_name(connection, agency_id)
        paper = claim_paper(claim, lines, operator, language)
        return await asyncio.to_thread(render, paper, form)

    return await kept_paper(connection, agency_id, f"claim {claim_no}", form, language, make)


def claim_paper(
    claim: Claim, lines: Sequence[ClaimLine], operator: str, language: Language
) -> Paper:
    """Lay a claim out; totals are the sums of the rows that are printed. Pure."""

    def say(key: str) -> str:
        return word(key, language)

    columns = (
        Column(say("category")),
        Column(say("product")),
        Column(say("boardings"), "count"),
        Column(say("difference"), "money"),
        Column(say("amount"), "money"),
    )
    blocks = [block for block in BLOCKS if any(line.block == block for line in lines)]
    tables = []
    for block in blocks:
        rows = [line for line in lines if line.block == block]
        tables.append(
            Table(
                say(block),
                columns,
                [
                    (
                        line.category,
                        line.product_id,
                        line.rides,
                        line.difference_tiyn,
                        line.amount_tiyn,
                    )
                    for line in rows
                ],
                (
                    say("total"),
                    None,
                    sum(line.rides for line in rows),
                    None,
                    sum(line.amount_tiyn for line in rows),
                ),
            )
        )
    sums = [
        (say(block), sum(line.amount_tiyn for line in lines if line.block == block))
        for block in blocks
    ]
    summary = Table(
        say("summary"),
        (Column(say("block")), Column(say("amount"), "money")),
        sums,
        (say("total"), sum(amount for _, amount in sums)),
    )
    part = f", {say('part')} {claim.part}" if claim.part > 1 else ""
    return Paper(
        title=f"{say('claim')} {say('number')} {claim.number}{part}",
        facts=[
            (say("agency"), operator),
            (say("funder"), claim.funder),
            (say("period"), period_text(claim.from_date, claim.to_date)),
        ],
        tables=[summary, *tables],
        footer=[say("operator_signs"), say("funder_signs"), f"SHA-256: {claim.digest}"],
        day=claim.to_date,
        mark=decimal_mark(language),
    )

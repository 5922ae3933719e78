"""Moving in from another system: balances to the tiyn, once, with a report of what was refused."""

from pathlib import Path

import pytest

from sapar.core.db import connect_async
from sapar.core.errors import BadInput, SaparError
from sapar.ticketing.cards.move_in import Files, MoveIn, Report, move_in
from sapar.ticketing.cards.requests import Issue, TopUp, Unblock
from tests.ticketing.cards.counter import AGENCY, AGENT, DAY, NOON_MS, ServicePoint

CARDS = """card_ref;category;purse;debt;deposit
A;adult;1000,50;;320
B;pupil;0;70;320
C;pensioner;;;
D;adult;320;;
"""
TOTAL = 100_050 + 32_000 - 7_000 + 32_000 + 32_000


async def run(
    point: ServicePoint, tmp_path: Path, control: int, *, dry_run=False, categories=None, **texts
) -> Report:
    paths = {}
    for kind, text in texts.items():
        paths[kind] = tmp_path / f"{kind}.csv"
        paths[kind].write_text(text, encoding="utf-8")
    plan = MoveIn(AGENCY, "old", "finance", control, categories)
    return await move_in(point.connection, point.desk, plan, Files(**paths), dry_run=dry_run)


async def opening(point: ServicePoint) -> int:
    [(balance,)] = await point.fetch(
        "SELECT coalesce(sum(balance), 0)::bigint FROM account WHERE code = 2990 AND owner = 'old'"
    )
    return balance


async def test_balances_move_in_once_and_against_the_control_total(point: ServicePoint, tmp_path):
    rehearsal = await run(point, tmp_path, TOTAL, cards=CARDS, dry_run=True)
    assert await point.fetch("SELECT FROM card") == []
    report = await run(point, tmp_path, TOTAL, cards=CARDS)
    assert rehearsal == report
    assert (report.added["cards"], report.moved_tiyn, report.refused) == (4, TOTAL, [])
    assert await point.money("A") == (100_050, 0, 32_000, 0)
    assert await point.money("B") == (0, 7_000, 32_000, 0)
    assert await point.money("C") == (0, 0, 0, 0)
    assert await opening(point) == TOTAL
    await point.check_balances()
    again = await run(point, tmp_path, TOTAL, cards=CARDS)
    assert (again.added["cards"], again.unchanged["cards"], again.moved_tiyn) == (0, 4, TOTAL)
    assert await opening(point) == TOTAL
    await point.do(TopUp, card_ref="B", amount_tiyn=10_000, paid=AGENT)
    await run(point, tmp_path, TOTAL, cards=CARDS)  # life goes on, and it still adds nothing
    assert await point.money("B") == (3_000, 0, 32_000, 0)


@pytest.mark.parametrize("control", [TOTAL - 1, TOTAL + 1, 0])
async def test_another_total_moves_nothing(point: ServicePoint, tmp_path, control):
    with pytest.raises(SaparError) as caught:
        await run(point, tmp_path, control, cards=CARDS)
    assert caught.value.code == "control_total"
    assert await point.fetch("SELECT FROM card") == []


async def test_refused_rows_are_told_and_hold_up_no_other(point: ServicePoint, tmp_path):
    await point.do(Issue, card_ref="there", category="adult")
    cards = (
        "deposit,purse,category,card_ref,debt\n"
        ",10,adult,A,\n"
        ",10,adult,A,\n"
        "\n"
        ",5,adult,there,\n"
        ",x,adult,E,\n"
        ",5,adult,F,5\n"
        ",5,,G,\n"
        ",,adult,,\n"
        ",0.05,adult,4111111111111111,\n"
        ",1,robot,H,\n"
        ",1.005,adult,I,\n"
        ",-1,adult,J,\n"
        ",1\n"
        ",3,adult,K,\n"
    )
    report = await run(
        point, tmp_path, 2_900, cards=cards, categories=frozenset({"adult", "pupil"})
    )
    assert [(row.line, row.code) for row in report.refused] == [
        (3, "duplicate_row"), (5, "card_exists"), (6, "amount"), (7, "purse_and_debt"),
        (8, "category"), (9, "card_ref"), (10, "pan_like"), (11, "unknown_category"),
        (12, "amount"), (13, "amount"), (14, "csv_row"),
    ]  # fmt: skip
    assert report.added["cards"] == 2
    assert report.moved_tiyn + report.refused_tiyn == report.file_tiyn == 2_900
    assert await opening(point) == report.moved_tiyn == 1_300


async def test_a_card_with_other_balances_than_before_is_refused(point: ServicePoint, tmp_path):
    await run(point, tmp_path, 1_000, cards="card_ref,category,purse\nA,adult,10\n")
    report = await run(point, tmp_path, 1_100, cards="card_ref,category,purse\nA,adult,11\n")
    assert [row.code for row in report.refused] == ["moved_in_otherwise"]
    assert await point.money() == (1_000, 0, 0, 0)


async def test_passes_and_blocks_follow_their_cards(point: ServicePoint, tmp_path):
    files = {
        "cards": "card_ref,category,purse\nA,adult,10\nB,adult,\n",
        "passes": (
            "card_ref,product_id,valid_from,valid_to,unearned\n"
            "A,month,2026-07-15,2026-08-15,3000\n"
            "B,year,2026-01-01T00:00+05:00,2027-01-01,\n"
            "X,month,2026-07-15,2026-08-15,\n"
            "A,month,2026-07-15,2026-08-15,\n"
            "B,month,2026-08-15,2026-08-15,\n"
        ),
        "blocks": (
            "card_ref,reason,note,from\n"
            "A,stolen,by telephone,2026-07-20T10:00\n"
            "B,lost,,\n"
            "X,lost,,\n"
            "B,debt,,\n"
            "A,unlucky,,\n"
            "A,lost,,2027-01-01\n"
        ),
    }
    report = await run(point, tmp_path, 301_000, **files)
    assert (report.added, report.moved_tiyn) == ({"cards": 2, "passes": 2, "blocks": 2}, 301_000)
    assert [(row.kind, row.line, row.code) for row in report.refused] == [
        ("blocks", 4, "unknown_card"), ("blocks", 5, "duplicate_row"), ("blocks", 6, "reason"),
        ("blocks", 7, "time"), ("passes", 4, "unknown_card"), ("passes", 5, "duplicate_row"),
        ("passes", 6, "time"),
    ]  # fmt: skip
    assert await opening(point) == 301_000
    [(journal_no,)] = await point.fetch(
        "SELECT journal_no FROM card_pass WHERE product_id = 'month'"
    )
    assert await point.moved(journal_no) == {"2990 old": 300_000, "2140 month 2026-07": -300_000}
    card = await point.card("A")
    assert (card.status, card.has_pass, card.has_block) == ("blocked", True, True)
    point.clock.advance(60)
    await point.do(Unblock, card_ref="B")
    again = await run(point, tmp_path, 301_000, **files)
    assert again.added == {"cards": 0, "passes": 0, "blocks": 0}
    assert again.unchanged == {"cards": 2, "passes": 2, "blocks": 2}
    assert (await point.card("B")).status == "active"
    await point.check_balances()


async def test_rides_of_cards_that_were_unknown_are_judged_anew(point: ServicePoint, tmp_path):
    await point.connection.execute(
        "INSERT INTO card (agency_id, card_ref, status, category, category_from)"
        " VALUES ('aktobe', 'A', 'unknown', '', '1970-01-01')"
    )
    await point.ride(at_ms=NOON_MS)
    await run(
        point,
        tmp_path,
        2_000,
        cards="card_ref,category,purse\nA,pupil,20\n",
        blocks="card_ref,reason,note,from\nA,stolen,,2026-08-01T11:00\n",
    )
    card = await point.card()
    assert point.rejudged == [{(card.card_no, DAY)}] * 2
    assert (card.status, card.category, card.debt_tiyn) == ("blocked", "pupil", 10_000)


async def test_a_run_that_was_cut_off_is_run_again(
    point: ServicePoint, tmp_path, database, monkeypatch
):
    from sapar.ticketing.cards import move_in as module

    monkeypatch.setattr(module, "_CHUNK", 3)
    rows = "".join(f"card-{n},adult,{n}\n" for n in range(1, 11))
    (tmp_path / "cards.csv").write_text("card_ref,category,purse\n" + rows)
    plan, files = MoveIn(AGENCY, "old", "finance", 5_500), Files(tmp_path / "cards.csv")
    lost = await connect_async(database)

    def cut(what: str, done: int, total: int) -> None:
        if what.startswith("moving") and done == 6:
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await move_in(lost, point.desk, plan, files, progress=cut)
    await lost.close()
    assert await point.fetch("SELECT count(*) FROM card") == [(6,)]
    report = await move_in(point.connection, point.desk, plan, files)
    assert (report.added["cards"], report.unchanged["cards"]) == (4, 6)
    assert await opening(point) == 5_500
    await point.check_balances()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "csv_header"),
        (b"card,category\n", "csv_header"),
        (b"card_ref,category,card_ref\n", "csv_header"),
        (b"card_ref,category\nA,\xff\n", "csv_file"),
    ],
)
async def test_a_file_that_is_none(point: ServicePoint, tmp_path, text, code):
    (tmp_path / "cards.csv").write_bytes(text)
    plan = MoveIn(AGENCY, "old", "finance", 0)
    with pytest.raises(BadInput) as caught:
        await move_in(point.connection, point.desk, plan, Files(tmp_path / "cards.csv"))
    assert caught.value.code == code

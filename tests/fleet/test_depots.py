"""Depots: read from a file as they were written, refused with the line, stored whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from sapar.cli import depots as command
from sapar.core.db import Connection, Pool
from sapar.core.errors import BadInput, NotFound
from sapar.fleet.depots import Depot, list_depots, read_depots, replace_depots

HEAD = "depot,name,latitude,longitude,vehicles\n"
vehicles = st.text("АБ019 -", min_size=1, max_size=6).map(str.strip).filter(bool)


@given(st.dictionaries(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", fullmatch=True),
                       st.lists(vehicles, max_size=5), max_size=4))  # fmt: skip
def test_what_is_written_is_read(homes: dict[str, list[str]]):
    taken: set[str] = set()
    wanted = []
    for number, (depot_id, ids) in enumerate(homes.items()):
        mine = tuple(one for one in dict.fromkeys(ids) if one not in taken)
        taken |= set(mine)
        wanted.append(Depot(depot_id, f"N {number}", 50.0 + number, 57.25, mine))
    lines = [
        f"{d.depot_id},{d.name},{d.latitude},{d.longitude},{' ; '.join(d.vehicle_ids)}"
        for d in wanted
    ]
    assert read_depots("\ufeff" + HEAD + "\n".join(lines)) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("depot,name\n", "columns are missing: latitude, longitude, vehicles"),
        (HEAD + "a b,,1,1,", "line 2: 'a b' is no name"),
        (HEAD + "a,,north,1,", "line 2: the place is no pair of numbers"),
        (HEAD + "a,,91,1,", "line 2: the place is not in degrees"),
        (HEAD + "a,,nan,1,", "line 2: the place is not in degrees"),
        (HEAD + "a,,1,1,7\na,,1,1,", "line 3: depot a stands twice"),
        (HEAD + "a,,1,1,7\nb,,1,1,8;7", "line 3: vehicle 7 is at home in a already"),
        (HEAD + "a", "line 2: the place is no pair of numbers"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(text: str, said: str):
    with pytest.raises(BadInput, match=said):
        read_depots(text)


async def test_the_file_is_the_whole_list(connection: Connection, pool: Pool):
    replace_depots(connection, "aktobe", read_depots(HEAD + "a,Юг,50,57,1;2\nb,,51,57,3"))
    replace_depots(connection, "almaty", read_depots(HEAD + "a,,43,77,1"))
    replace_depots(connection, "aktobe", read_depots(HEAD + "a,Юг,50.5,57,2;3"))
    connection.commit()
    assert await list_depots(pool, "aktobe") == [Depot("a", "Юг", 50.5, 57.0, ("2", "3"))]
    assert await list_depots(pool, "almaty") == [Depot("a", "a", 43.0, 77.0, ("1",))]
    with pytest.raises(NotFound):
        replace_depots(connection, "nowhere", [])


def test_the_commands(connection: Connection, database: str, monkeypatch, tmp_path):
    monkeypatch.setenv("SAPAR_DATABASE_URL", database)
    path = tmp_path / "depots.csv"
    path.write_text(HEAD + "north,Север,50.3,57.1,7;8\n", encoding="utf-8")
    told = CliRunner().invoke(command.app, ["import", str(path), "--agency", "aktobe"])
    assert (told.exit_code, told.stdout) == (0, "1 depots, 2 vehicles at home there\n")
    listed = CliRunner().invoke(command.app, ["list", "--agency", "aktobe", "--json"])
    assert '"depot_id":"north"' in listed.stdout
    table = CliRunner().invoke(command.app, ["list", "--agency", "aktobe"])
    assert "Север" in table.stdout
    refused = CliRunner().invoke(command.app, ["import", str(tmp_path), "--agency", "aktobe"])
    assert refused.exit_code != 0

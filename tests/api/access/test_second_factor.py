"""The secret of a second factor as a picture: a camera reads what the app needs, and no more."""

import base64
import json
import re
import time
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import Browser, Locator, expect

from sapar.access import second_factor
from sapar.api.access.guard import CSRF_HEADER
from sapar.core.db import connect
from tests.api.access.qr import Matrix, read
from tests.api.access.signing import NAME, PASSWORD, code_now, rows, try_in
from tests.api.access.test_pages import picture, stranger, type_in
from tests.api.axe import assert_accessible
from tests.api.browsing import Ticking
from tests.api.conftest import Instance, until

_MARGIN = 4
_SVG = "{http://www.w3.org/2000/svg}"


def drawn(address: str) -> Matrix:
    """The modules that a picture of ours draws."""
    head, _, text = address.partition(",")
    assert head == "data:image/svg+xml;charset=utf-8"
    svg = ET.fromstring(unquote(text))
    ground, lines = svg.iter(f"{_SVG}path")
    size = int(re.fullmatch(r"M0 0h(\d+)v\1h-\1z", ground.get("d") or "")[1])  # type: ignore[index]
    assert (ground.get("fill"), lines.get("stroke")) == ("#fff", "#000")
    dark = set()
    x = y = 0.0
    for step, values in re.findall(r"([Mmh])([^Mmh]+)", lines.get("d") or ""):
        numbers = [float(value) for value in values.split()]
        if step == "h":
            dark |= {(int(y), int(x) + n) for n in range(int(numbers[0]))}
            x += numbers[0]
        else:
            x, y = (numbers[0], numbers[1]) if step == "M" else (x + numbers[0], y + numbers[1])
    inner = range(_MARGIN, size - _MARGIN)
    assert {place for pair in dark for place in pair} <= set(inner), "the margin is not white"
    return [[(i, j) in dark for j in inner] for i in inner]


@given(
    st.binary(min_size=20, max_size=20),
    st.from_regex(r"[a-z0-9][a-z0-9._@-]{0,63}", fullmatch=True),
    st.sampled_from(["Sapar bus.example.kz", "Ақтөбе & Co", "A+B/C"]),
)
def test_the_picture_says_the_address_and_the_address_says_the_secret(
    secret: bytes, name: str, issuer: str
) -> None:
    address = second_factor.secret_address(secret, name, issuer)
    assert read(drawn(second_factor.address_picture(address))) == address
    parts = urlsplit(address)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == f"/{issuer}:{name}"
    assert "+" not in parts.query, "apps show a plus as a plus"
    values = {key: value for key, (value,) in parse_qs(parts.query).items()}
    assert base64.b32decode(values.pop("secret")) == secret
    assert values == {"issuer": issuer, "algorithm": "SHA1", "digits": "6", "period": "30"}


async def test_a_secret_is_told_once_and_kept_nowhere(api: Instance, person: int) -> None:
    headers = {CSRF_HEADER: (await try_in(api.http)).json()["csrf"]}
    first = await api.http.post("/api/me/second-factor", headers=headers)
    second = await api.http.post("/api/me/second-factor", headers=headers)
    assert first.headers["cache-control"] == "no-store"
    assert first.json()["secret"] != second.json()["secret"]
    assert (await api.http.get("/api/me/second-factor")).status_code == 405
    assert (await api.http.post("/api/me/second-factor")).status_code == 403
    assert rows(api, "SELECT second_factor FROM person WHERE name = %s", NAME) == [(None,)]
    kept = json.dumps(rows(api, "SELECT * FROM audit_log"), default=str)
    for offered in (first.json(), second.json()):
        assert read(drawn(offered["picture"])) == offered["address"]
        assert offered["secret"] in offered["address"]
        assert offered["secret"] not in kept


async def scanned(image: Locator) -> str:
    """What a camera in front of the screen would read: the pixels that are shown, nothing else."""
    shot = base64.b64encode(await image.screenshot()).decode()
    found = await image.evaluate(
        """async (image, shot) => {
            const shown = new Image();
            shown.src = `data:image/png;base64,${shot}`;
            await shown.decode();
            const canvas = new OffscreenCanvas(shown.width, shown.height);
            const pen = canvas.getContext("2d");
            pen.drawImage(shown, 0, 0);
            const { data } = pen.getImageData(0, 0, shown.width, shown.height);
            const size = shown.width / 4;
            const middle = (n) => n * 4 + 2;
            return Array.from({ length: size }, (_, i) =>
                Array.from({ length: size }, (_, j) =>
                    Array.from(data.slice((middle(i) * shown.width + middle(j)) * 4).slice(0, 3))));
        }""",
        shot,
    )
    colours = {tuple(pixel) for row in found for pixel in row}
    assert colours == {(0, 0, 0), (255, 255, 255)}, "black on white, whatever the theme"
    around = [pixel for row in (*found[:_MARGIN], *found[-_MARGIN:]) for pixel in row]
    around += [p for row in found for p in (*row[:_MARGIN], *row[-_MARGIN:])]
    assert all(pixel == [255, 255, 255] for pixel in around)
    inner = slice(_MARGIN, -_MARGIN)
    return read([[pixel == [0, 0, 0] for pixel in row[inner]] for row in found[inner]])


async def test_what_a_telephone_scans_signs_in(
    api: Instance, person: int, ticking: Ticking, agency: str, browser: Browser
) -> None:
    await until(lambda: agency in api.hub.held)
    async with stranger(browser, f"{api.url}/console/sign-in?lang=en") as page:
        await type_in(page, NAME, PASSWORD)
        await page.get_by_role("button", name="Set up").click()
        image = page.get_by_role("img", name="QR code of the secret")
        await expect(image).to_be_visible()
        await assert_accessible(page, "#room")
        values = parse_qs(urlsplit(await scanned(image)).query)
        (text,) = values["secret"]
        shown = await page.locator("code.secret").inner_text()
        assert shown == " ".join(text[at : at + 4] for at in range(0, 32, 4))
        secret, step = base64.b32decode(text), int(time.time()) // second_factor.STEP_S
        form = page.locator("form", has=image)
        await form.get_by_label("Code").fill(second_factor.code_at(secret, step))
        await form.get_by_label("Password now").fill(PASSWORD)
        await form.get_by_role("button", name="Set up").click()
        await expect(page.get_by_text("A code is asked for when you sign in.")).to_be_visible()
        assert text not in (await page.content()).replace(" ", "")
        assert text not in json.dumps(rows(api, "SELECT * FROM audit_log"), default=str)
        await page.locator("details.user summary").click()
        await page.get_by_role("button", name="Sign out").click()
        await type_in(page, NAME, PASSWORD)
        code = page.get_by_label("Code of the second factor")
        await code.fill(second_factor.code_at(secret, step + 1))
        await page.get_by_role("button", name="Sign in").last.click()
        await expect(page.get_by_role("button", name="Switch off")).to_be_visible()


async def test_the_picture_fits_and_stays_black_on_white(
    api: Instance, person: int, ticking: Ticking, agency: str, browser: Browser
) -> None:
    await until(lambda: agency in api.hub.held)
    looks: list[tuple[str, Literal["dark", "light"], int]] = [
        ("kk", "light", 390), ("ru", "dark", 320), ("en", "light", 1400),
    ]  # fmt: skip
    async with stranger(browser, f"{api.url}/console/sign-in?lang=en") as page:
        await type_in(page, NAME, PASSWORD)
        await expect(page.locator(".second")).to_be_visible()
        for language, theme, width in looks:
            await page.set_viewport_size({"width": width, "height": 1500})
            await page.emulate_media(color_scheme=theme)
            async with page.expect_response("**/api/me/second-factor") as answered:
                await page.goto(f"{api.url}/console/sign-in?lang={language}")
                await page.locator(".second button").click()
            image = page.locator(".offered img")
            await image.scroll_into_view_if_needed()
            assert await scanned(image) == (await (await answered.value).json())["address"]
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            await assert_accessible(page, "#room")
            await picture(page, f"second-factor-{language}-{theme}-{width}")


async def test_another_telephone_and_none_ask_for_a_code_of_the_one_before(
    api: Instance, person: int, ticking: Ticking, agency: str, browser: Browser
) -> None:
    await until(lambda: agency in api.hub.held)
    old = second_factor.make_secret()
    wrong = "The code of the second factor that is set now is wrong, or was used before."

    def time_passes() -> None:
        with connect(api.conninfo) as connection:
            connection.execute("UPDATE person SET second_factor_step = NULL")

    with connect(api.conninfo) as connection:
        connection.execute("UPDATE person SET second_factor = %s", (old,))
    async with stranger(browser, f"{api.url}/console/sign-in?lang=en") as page:
        await type_in(page, NAME, PASSWORD)
        used = code_now(old)
        await page.get_by_label("Code of the second factor").fill(used)
        await page.get_by_role("button", name="Sign in").last.click()
        await expect(page.locator(".second")).to_be_visible()
        for language, width in (("kk", 320), ("ru", 390), ("en", 1400)):
            await page.set_viewport_size({"width": width, "height": 1500})
            await page.goto(f"{api.url}/console/sign-in?lang={language}")
            await page.locator(".second button").first.click()
            await expect(page.locator(".offered img")).to_be_visible()
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            await assert_accessible(page, "#room")
            await picture(page, f"second-factor-replace-{language}-{width}")
        form = page.locator("form", has=page.locator(".offered"))
        shown = await form.locator("code.secret").inner_text()
        new = base64.b32decode(shown.replace(" ", ""))
        await form.get_by_label("Code of the new secret").fill(code_now(new))
        await form.get_by_label("that is set now").fill(used)
        await form.get_by_label("Password now").fill(PASSWORD)
        replace = form.get_by_role("button", name="Set up on another telephone")
        await replace.click()
        await expect(form.get_by_role("alert")).to_contain_text(wrong)
        await expect(form.get_by_label("that is set now")).to_have_value("")
        assert rows(api, "SELECT second_factor FROM person") == [(old,)]
        time_passes()
        await form.get_by_label("that is set now").fill(code_now(old))
        await replace.click()
        await expect(page.get_by_text("A code is asked for when you sign in.")).to_be_visible()
        assert rows(api, "SELECT second_factor FROM person") == [(new,)]
        await page.get_by_role("button", name="Switch off").click()
        time_passes()
        form = page.locator("form", has=page.get_by_role("button", name="Switch off"))
        await form.get_by_label("that is set now").fill(code_now(old))
        await form.get_by_label("Password now").fill(PASSWORD)
        await form.get_by_role("button", name="Switch off").click()
        await expect(form.get_by_role("alert")).to_contain_text(wrong)
        await form.get_by_label("that is set now").fill(code_now(new))
        await form.get_by_role("button", name="Switch off").click()
        await expect(page.get_by_text("Name and password are enough")).to_be_visible()
    assert rows(api, "SELECT second_factor FROM person") == [(None,)]

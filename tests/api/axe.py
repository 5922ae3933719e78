"""What axe-core finds on a page: nothing serious may stay."""

from typing import Any

from playwright.async_api import Page

from sapar.api.pages import BUILT

_AXE = BUILT.parent / "node_modules" / "axe-core" / "axe.min.js"
_BAD = ("serious", "critical")
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def violations(page: Page, within: str = "body") -> list[str]:
    """List what axe-core calls serious or critical: rule, where, and why."""
    assert _AXE.is_file(), "axe-core is not installed: make setup installs it"
    # Evaluated, not added as a script element: the page's policy lets in its own scripts alone.
    await page.evaluate(_AXE.read_text())
    found: list[dict[str, Any]] = await page.evaluate(
        """async ([within, tags]) => {
            const result = await axe.run(within, { runOnly: { type: "tag", values: tags } });
            return result.violations.map(({ id, impact, help, nodes }) => ({
                id, impact, help,
                nodes: nodes.map((node) => `${node.target.join(" ")}: ${node.failureSummary}`),
            }));
        }""",
        [within, _TAGS],
    )
    return [
        f"{one['id']} ({one['impact']}): {one['help']}\n  " + "\n  ".join(one["nodes"][:5])
        for one in found
        if one["impact"] in _BAD
    ]


async def assert_accessible(page: Page, within: str = "body") -> None:
    """Fail with what axe-core finds serious or critical on the page."""
    found = await violations(page, within)
    assert not found, "\n".join(found)

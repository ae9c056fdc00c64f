"""The report in a browser: all of it is to be seen, on a screen and on paper, and the console has nothing to say."""

import pytest
from tests.support.browser import program, tab
from tests.support.reports import HOSTILE, START, made, route_report, took, traffic

from llmgateway.ports.generations import SeenVersion
from llmgateway.report.html import render_html
from llmgateway.report.service import service_of

pytestmark = pytest.mark.skipif(program() is None, reason="there is no Chromium here")

PAPER = 673  # CSS pixels of A4 between its margins


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_it_fits_on_a_screen_and_on_paper(tmp_path, language):
    file = tmp_path / "report.html"
    file.write_text(render_html(made(route_report(), route_report(route="x" * 200), route=None), language))
    async with tab(tmp_path) as page:
        await page.open(f"file://{file}")
        await page.until("document.querySelectorAll('svg').length === 6")
        await fits(page)
        assert await page.eval("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        await page.call("Emulation.setEmulatedMedia", media="print")
        await page.call(
            "Emulation.setDeviceMetricsOverride", width=PAPER, height=1000, deviceScaleFactor=1, mobile=False
        )
        await fits(page)
        assert await page.eval("document.querySelectorAll('script').length") == 0
        assert page.messages == []


async def test_on_a_laptop_no_table_has_to_be_moved(tmp_path):
    file = tmp_path / "report.html"
    seen = SeenVersion("support", "v1", "dc6c62d6bdad", at=START, generation=1)
    service = service_of([traffic(387)], [took(387)], [], [seen])
    file.write_text(render_html(made(route_report(service=service))))
    async with tab(tmp_path) as page:
        await page.call("Emulation.setDeviceMetricsOverride", width=1100, height=800, deviceScaleFactor=1, mobile=False)
        await page.open(f"file://{file}")
        await page.until("document.querySelectorAll('svg').length > 0")
        moved = "[...document.querySelectorAll('.wide')].filter((e) => e.scrollWidth > e.clientWidth).length"
        assert await page.eval(moved) == 0


async def test_on_a_phone_words_stay_whole_and_what_is_wide_is_moved_by_itself(tmp_path):
    file = tmp_path / "report.html"
    file.write_text(render_html(made(route_report())))
    async with tab(tmp_path) as page:
        await page.call("Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=True)
        await page.open(f"file://{file}")
        await page.until("document.querySelectorAll('svg').length > 0")
        assert await page.eval("document.documentElement.scrollWidth") <= 400
        # The figure of a tile is one line high, and a plot is as wide as it can be read.
        assert await page.eval("Math.max(...[...document.querySelectorAll('.tile b')].map((b) => b.offsetHeight))") < 50
        assert await page.eval("document.querySelector('figure svg').getBoundingClientRect().width") > 600
        assert await page.eval(
            "document.querySelector('.wide').scrollWidth > document.querySelector('.wide').clientWidth"
        )


async def fits(page):
    assert await page.eval("document.documentElement.scrollWidth - innerWidth") <= 0
    heights = await page.eval("[...document.querySelectorAll('svg')].map(each => each.getBoundingClientRect().height)")
    assert min(heights) > 40
    wide = "[...document.querySelectorAll('table')].filter(each => each.scrollWidth > document.body.clientWidth).length"
    assert await page.eval(wide) == 0


async def test_what_somebody_wrote_does_nothing(tmp_path):
    file = tmp_path / "report.html"
    file.write_text(render_html(made(route_report(route=HOSTILE), route=HOSTILE)))
    async with tab(tmp_path) as page:
        await page.open(f"file://{file}")
        await page.until("document.querySelector('h1') !== null")
        assert "<script>alert(1)</script>" in await page.eval("document.querySelector('h1').textContent")
        assert page.messages == []

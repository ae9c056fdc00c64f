"""The review page in a real browser: by keyboard alone, with nothing that its policy would have to stop."""

import pytest
from tests.component.test_admin_review import exchanges, pair, post
from tests.component.test_review_page import HOSTILE, SECURED, TOKEN
from tests.support.admin import AdminGateway
from tests.support.browser import program, tab
from tests.support.exchanges import ExchangeFactory

from llmgateway.domain.clock import SystemClock
from llmgateway.ports.store import Body
from llmgateway.wire.jsoncodec import encode

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(program() is None, reason="needs Chromium: `apt-get install chromium`, or name it in $CHROMIUM"),
]


@pytest.fixture
def gateway(tmp_path):
    gateway = AdminGateway(tmp_path, SECURED)
    gateway.headers = {"Authorization": f"Bearer {TOKEN}"}
    yield gateway
    gateway.listener.close()


async def come_in(page, gateway, who="ann"):
    await page.open(gateway.url + "/review")
    await page.eval("document.querySelector('[name=who]').focus()")
    await page.type(who)
    await page.press("Tab")
    await page.type(TOKEN)
    await page.press("Enter")
    await page.until("document.getElementById('next') !== null")


async def test_a_reviewer_needs_nothing_but_keys(gateway, tmp_path):
    async with gateway.running(workers=0), tab(tmp_path) as page:
        make = ExchangeFactory(start=SystemClock.time())
        entry = make.entry(route="chat")
        entry.bodies = (
            Body("request", "application/json", 1, encode({"messages": [{"role": "user", "content": HOSTILE}]})),
            Body("reply", "application/json", 1, encode({"choices": [{"message": {"content": HOSTILE}}]})),
        )
        await gateway.store.append([entry], [], [], None)
        await post(gateway, "review/items", exchange_id=entry.row["id"], reason="reported", priority=9, note=HOSTILE)
        (other,) = await exchanges(gateway)
        await post(gateway, "review/items", exchange_id=other, reason="drift")
        await come_in(page, gateway)
        await page.press("n")
        await page.until("document.getElementById('labels') !== null")
        assert HOSTILE in await page.eval("document.querySelector('main').innerText.replaceAll('\\u00a0', ' ')")
        assert await page.eval("document.querySelectorAll('script:not([src]), img').length") == 0
        first = await page.eval("location.pathname")
        await page.press("3")
        assert await page.eval("document.querySelector('input:checked').value") == "bad"
        await page.press("2")
        assert await page.eval("document.querySelector('input:checked').value") == "acceptable"
        await page.press("Enter")
        await page.until(f"location.pathname !== '{first}' && document.getElementById('labels') !== null")
        (said,) = (await gateway.store.reviews_of([first.rsplit("/", 1)[1]])).popitem()[1]
        assert (said.reviewer, said.labels) == ("ann", {"quality": "acceptable"})
        await page.press("c")
        await page.type("It is rude\nn1s")  # what is typed is no command
        await page.eval("document.activeElement.form.requestSubmit()")
        await page.until("location.search === '?raised=true'")
        (concern,) = await gateway.store.open_concerns("chat", "v1")
        assert concern.text == "It is rude\nn1s"
        await page.press("s")
        await page.type("no Greek")
        await page.press("Enter")
        await page.until("document.querySelector('[role=status]') !== null && location.search === '?nothing=true'")
        assert page.messages == []


async def test_a_pair_stands_side_by_side_in_japanese_and_its_lease_is_renewed(gateway, tmp_path):
    gateway.file.write_text(gateway.file.read_text() + '[review]\nlease = "30s"\n')
    async with gateway.running(workers=0), tab(tmp_path) as page:
        await pair(gateway)
        await post(gateway, "review/sample", route="chat", since=0, count=5, pairs=True, reason="canary_pair")
        await page.open(gateway.url + "/review?lang=ja")
        await come_in(page, gateway, "花子")
        await page.press("n")
        await page.until("document.getElementById('labels') !== null")
        assert await page.eval("document.documentElement.lang") == "ja"
        boxes = "[...document.querySelectorAll('.sides > section')].map((each) => each.getBoundingClientRect())"
        left, right = await page.eval(f"{boxes}.map((box) => [box.left, box.top])")
        assert left[0] < right[0]
        assert left[1] == right[1]
        name = (await page.eval("location.pathname")).rsplit("/", 1)[1]
        before = (await gateway.store.item(name)).claimed_until
        # What the script does every ten seconds, done now.
        renewed = await page.eval(
            "fetch(document.body.dataset.renew, {method: 'POST', "
            "body: new URLSearchParams({form: document.body.dataset.form})}).then((answer) => answer.status)"
        )
        assert renewed == 204
        assert (await gateway.store.item(name)).claimed_until > before
        assert await page.eval("document.body.dataset.every") == "10"
        await page.press("3", "Enter")
        await page.until("document.getElementById('labels') === null")
        assert (await gateway.store.reviews_of([name]))[name][0].labels == {"preference": "tie"}
        assert page.messages == []


async def test_on_a_phone_the_list_is_read_and_what_was_written_outlives_a_concern_and_the_other_language(
    gateway, tmp_path
):
    async with gateway.running(workers=0), tab(tmp_path) as page:
        await page.call("Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=True)
        for each in await exchanges(gateway, 3):
            await post(gateway, "review/items", exchange_id=each, reason="thumbs_down")
        await come_in(page, gateway)
        assert await page.eval("document.documentElement.scrollWidth") <= 400
        shown = "[...document.querySelectorAll('.items td')].filter((each) => each.innerText === 'open')"
        heights = await page.eval(f"{shown}.map((each) => each.getBoundingClientRect().height)")
        assert len(heights) == 3
        assert max(heights) < 40  # a word stands on one line
        await page.press("n")
        await page.until("document.getElementById('labels') !== null")
        assert await page.eval("document.documentElement.scrollWidth") <= 400
        await page.press("2")
        await page.eval("document.querySelector('[name=comment]').focus()")
        await page.type("half a thought")
        await page.press("Escape", "c")
        await page.type("it is rude")
        await page.eval("document.activeElement.form.requestSubmit()")
        await page.until("location.search === '?raised=true'")
        kept = "[document.querySelector('input:checked').value, document.querySelector('[name=comment]').value]"
        assert await page.eval(kept) == ["acceptable", "half a thought"]
        await page.eval("document.querySelector('nav a[lang=ja]').click()")
        await page.until("document.documentElement.lang === 'ja'")
        assert await page.eval(kept) == ["acceptable", "half a thought"]
        await page.press("Enter")
        await page.until(
            "document.querySelector('input:checked') === null && document.getElementById('labels') !== null"
        )
        assert await page.eval("document.querySelector('[name=comment]').value") == ""  # the next one begins empty
        assert page.messages == []


async def test_a_script_that_got_into_a_page_would_not_run(gateway, tmp_path):
    async with gateway.running(workers=0), tab(tmp_path) as page:
        await come_in(page, gateway)
        await page.eval("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')")
        await page.eval(
            "(() => { const bad = document.createElement('script'); bad.textContent = 'window.ran = 2';"
            " document.body.append(bad); })()"
        )
        await page.until("true")
        assert await page.eval("window.ran === undefined")
        assert any("Content Security Policy" in message for message in page.messages)
        assert await page.eval("document.cookie") == ""

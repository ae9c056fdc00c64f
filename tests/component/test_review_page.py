"""The review page over HTTP: who may come in, that nothing said can run, and that every step works without a script."""

import re
from html import unescape

import aiohttp
import pytest
from tests.component.test_admin_review import exchanges, pair, post
from tests.support.admin import CONFIG, AdminGateway
from tests.support.exchanges import ExchangeFactory

from llmgateway.domain.clock import SystemClock
from llmgateway.ports.store import Body
from llmgateway.wire.jsoncodec import encode

TOKEN = "an admin token of some length"
SECURED = CONFIG.replace('listen = "127.0.0.1:8081"', 'listen = "127.0.0.1:8081"\ntoken = "env:TOKEN"')
HOSTILE = '</div><script>alert(1)</script><img src=x onerror="alert(2)">\u202e & <b>'


@pytest.fixture
def gateway(tmp_path):
    gateway = AdminGateway(tmp_path, SECURED)
    gateway.headers = {"Authorization": f"Bearer {TOKEN}"}
    yield gateway
    gateway.listener.close()


class Browser:
    """As much of a browser as forms need."""

    def __init__(self, gateway, http, language="en"):
        self.gateway, self.http = gateway, http
        self.headers = {"Accept-Language": language}
        self.status, self.text, self.place = 0, "", ""
        self.answer = None

    async def open(self, path):
        return await self._take(self.http.get(self._url(path), headers=self.headers))

    async def send(self, path, headers=None, **fields):
        return await self._take(
            self.http.post(self._url(path), data=fields, headers={**self.headers, **(headers or {})})
        )

    async def login(self, who="ann", token=TOKEN):
        return await self.send("/review/login", who=who, token=token)

    async def submit(self, action, **fields):
        """Fill in the form with this action, with what is hidden in it."""
        form = re.search(rf'<form method="post" action="/review/{action}".*?</form>', self.text, re.DOTALL)
        assert form, f"no form {action} in {self.text}"
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form[0]))
        return await self.send(f"/review/{action}", **hidden, **fields)

    def _url(self, path):
        return self.gateway.url + path

    async def _take(self, request):
        async with request as answer:
            self.answer, self.status, self.text = answer, answer.status, await answer.text()
            self.place = answer.url.path
        return self.status


@pytest.fixture
async def http():
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


async def test_nobody_comes_in_without_the_token(gateway, http):
    async with gateway.running(workers=0):
        browser = Browser(gateway, http)
        for path in ("/review", "/review/concerns", "/review/items/x"):
            assert await browser.open(path) == 401
            assert 'type="password"' in browser.text
        assert await browser.send("/review/next") == 401
        assert await browser.login(token="wrong") == 403
        assert "That is not the admin token." in browser.text
        assert 'name="who"' in browser.text
        assert 'value="ann"' in browser.text  # only the token has to be typed again
        assert await browser.login(who=" ") == 422
        assert await browser.login() == 200
        (cookie,) = [each for each in http.cookie_jar if each.key == "llmgateway_review"]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/review")
        assert TOKEN not in cookie.value
        assert await browser.open("/review") == 200


async def test_a_cookie_that_was_altered_or_is_of_another_token_opens_nothing(gateway, http):
    async with gateway.running(workers=0) as (control, _):
        browser = Browser(gateway, http)
        await browser.login()
        (cookie,) = [each for each in http.cookie_jar if each.key == "llmgateway_review"]
        for wrong in (
            "",
            "x",
            "é",
            cookie.value[:-4] + "AAAA",
            "AB"[cookie.value[0] == "A"] + cookie.value[1:],
            cookie.value * 20,
        ):
            headers = {"Cookie": f"llmgateway_review={wrong}"}
            async with aiohttp.ClientSession() as other, other.get(gateway.url + "/review", headers=headers) as answer:
                assert answer.status == 401, wrong
        gateway.environ["TOKEN"] = "another admin token of some length"
        gateway.headers = {}
        assert (await control.reload())[0]
        assert await browser.open("/review") == 401


async def test_a_form_without_its_proof_or_from_elsewhere_does_nothing(gateway, http):
    async with gateway.running(workers=0):
        (exchange_id,) = await exchanges(gateway)
        item = (await post(gateway, "review/items", exchange_id=exchange_id, reason="reported"))["item"]
        browser = Browser(gateway, http)
        await browser.login()
        for form in ({}, {"form": "00"}, {"form": "é"}):
            assert await browser.send(f"/review/items/{item['id']}/claim", **form) == 403
        assert await browser.send("/review/next", headers={"Origin": "https://elsewhere.example"}) == 403
        assert (await gateway.store.item(item["id"])).claimed_by is None


async def test_every_answer_forbids_what_the_page_does_not_need(gateway, http):
    async with gateway.running(workers=0):
        browser = Browser(gateway, http)
        for path in ("/review", "/review/static/review.js", "/review/static/review.css"):
            await browser.open(path)
            policy = browser.answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert browser.answer.headers["X-Frame-Options"] == "DENY"
            assert browser.answer.headers["X-Content-Type-Options"] == "nosniff"
            assert browser.answer.headers["Cache-Control"] == "no-store"
        await browser.login()
        assert not re.search(r"<script(?! src=)|\son\w+=|style=", browser.text)


async def test_a_whole_review_without_a_script(gateway, http):
    async with gateway.running(workers=0):
        ids = await exchanges(gateway, 2)
        for each in ids:
            await post(gateway, "review/items", exchange_id=each, reason="thumbs_down", note=HOSTILE)
        browser = Browser(gateway, http)
        await browser.login()
        assert "default</a>: 2 waiting" in browser.text
        assert 'href="/review" aria-current="true">all</a>' in browser.text
        await browser.submit("next")
        assert browser.place.startswith("/review/items/")
        first = browser.place.rsplit("/", 1)[1]
        assert re.search(r"chat · yours until \d\d:\d\d UTC", browser.text)
        assert "It is on its way." in browser.text
        assert HOSTILE in unescape(browser.text)
        assert "<script>alert" not in browser.text
        await browser.submit(
            f"items/{first}/submit", **{"label.quality": "bad", "comment": "a\r\nb", "correction": "It is late."}
        )
        (said,) = (await gateway.store.reviews_of([first]))[first]
        assert (said.reviewer, said.labels, said.comment) == ("ann", {"quality": "bad"}, "a\nb")
        assert said.correction == "It is late."
        second = browser.place.rsplit("/", 1)[1]
        assert second != first
        await browser.submit(f"items/{second}/concern", text="It is rude", severity="high", owner="bob")
        assert "stands against a promotion" in browser.text
        assert [each.severity for each in await gateway.store.open_concerns("chat", "v1")] == ["high"]
        await browser.submit(f"items/{second}/skip", reason="no Greek")
        assert "Nothing is left" in browser.text
        await browser.open("/review/concerns")
        assert "Severity: high · chat / v1 · open" in browser.text
        (concern,) = await gateway.store.open_concerns("chat", "v1")
        await browser.submit(f"concerns/{concern.id}/resolve", reason="the prompt says so")
        assert "the prompt says so" in browser.text
        await browser.submit("logout")
        assert browser.status == 401


async def test_texts_of_callers_and_models_are_shown_and_never_run(gateway, http):
    async with gateway.running(workers=0):
        make = ExchangeFactory(start=SystemClock.time())
        entry = make.entry(route="chat")
        entry.bodies = (
            Body("request", "application/json", 1, encode({"messages": [{"role": "user", "content": HOSTILE}]})),
            Body("reply", "application/json", 1, encode({"choices": [{"message": {"content": HOSTILE * 2}}]})),
        )
        await gateway.store.append([entry], [], [], None)
        item = (await post(gateway, "review/items", exchange_id=entry.row["id"], reason="reported"))["item"]
        browser = Browser(gateway, http)
        await browser.login(who='<i>"ann"&')
        await browser.open(f"/review/items/{item['id']}")
        assert unescape(browser.text).count(HOSTILE) == 3
        assert "<script>alert" not in browser.text
        assert "<img" not in browser.text
        assert "&lt;i&gt;&quot;ann&quot;&amp;" in browser.text


async def test_a_pair_is_blind_and_in_japanese_where_that_is_wanted(gateway, http):
    async with gateway.running(workers=0):
        first, second = await pair(gateway)
        await post(gateway, "review/sample", route="chat", since=0, count=5, pairs=True, reason="canary_pair")
        browser = Browser(gateway, http, "ja-JP,ja;q=0.9,en;q=0.5")
        await browser.login(who="花子")
        assert '<html lang="ja">' in browser.text
        await browser.submit("next")
        assert "どちらの回答が良いですか?" in browser.text
        assert "花子" in browser.text
        page = re.sub(r'value="[0-9a-f]+"', "", browser.text)
        assert not any(name in page for name in (first, second, "v1", "v2", "m2"))
        assert "Second" in page
        here = browser.place
        await browser.open(f"{here}?lang=en")
        assert "Which answer is better?" in browser.text
        await browser.submit(f"{here.removeprefix('/review/')}/concern", text="it lies", side="left", severity="high")
        for who, told in (("花子", "chat / a side of a pair that is open"), ("bob", "chat / v")):
            other = Browser(gateway, http)
            await other.login(who)
            await other.open("/review/concerns")
            assert f"Severity: high · {told}" in other.text
        await browser.open("/review")
        assert '<html lang="en">' in browser.text


async def test_a_thousand_items_are_shown_a_page_at_a_time(gateway, http):
    async with gateway.running(workers=0):
        await exchanges(gateway, 1_000)
        await post(gateway, "review/sample", route="chat", since=0, count=1_000)
        browser = Browser(gateway, http)
        await browser.login()
        seen, pages = set(), 0
        while True:
            found = re.findall(r'href="/review/items/([^"]+)"', browser.text)
            assert len(found) <= 100
            seen.update(found)
            pages += 1
            more = re.search(r'href="([^"]+)" class="button" rel="next"', browser.text)
            if not more:
                break
            await browser.open(unescape(more[1]))
        assert (len(seen), pages) == (1_000, 11)
        assert await browser.open("/review?queue=default&state=open") == 200
        assert 'href="/review?queue=default&amp;state=done"' in browser.text
        assert await browser.open("/review?queue=other") == 200
        assert "There are no items." in browser.text
        assert await browser.open("/review?state=done") == 200
        assert "There are no items." in browser.text


async def test_a_stale_page_is_told_so(gateway, http):
    async with gateway.running(workers=0):
        (exchange_id,) = await exchanges(gateway)
        item = (await post(gateway, "review/items", exchange_id=exchange_id, reason="reported"))["item"]
        browser = Browser(gateway, http)
        await browser.login()
        await browser.submit("next")
        await post(gateway, f"review/items/{item['id']}/renew", version=2)  # by the same person, elsewhere
        await browser.submit(f"items/{item['id']}/submit", **{"label.quality": "bad"})
        assert browser.status == 409
        assert "changed meanwhile" in browser.text
        assert f'href="/review/items/{item["id"]}" class="button"' in browser.text  # back to where it was written
        await browser.open(f"/review/items/{item['id']}?lang=ja")
        await browser.send(f"/review/items/{item['id']}/submit", form="00")
        assert "ページを読み込み直してください" in browser.text
        assert await browser.open("/review/items/none") == 404


async def test_a_listener_without_a_token_asks_for_a_name_alone(tmp_path, http):
    gateway = AdminGateway(tmp_path)
    async with gateway.running(workers=0):
        browser = Browser(gateway, http)
        assert await browser.open("/review") == 401
        assert 'type="password"' not in browser.text
        assert await browser.send("/review/login", who="ann") == 200
    gateway.listener.close()

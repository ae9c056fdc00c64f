"""The review page: its endpoints. Who comes in shows the admin token once, and has a cookie from then on.

Each answer forbids the browser whatever the page does not need; each form is taken only with its proof.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from hmac import compare_digest
from importlib import resources
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from llmgateway.controlplane.asking import text_of
from llmgateway.controlplane.concerns import Concerns
from llmgateway.controlplane.endpoints import Asked, Body, Endpoint, Routes
from llmgateway.controlplane.gate import Gate
from llmgateway.controlplane.pages import views
from llmgateway.controlplane.pages.frame import PATH, Look
from llmgateway.controlplane.pages.session import COOKIE, LIFETIME_S, Session, Sessions
from llmgateway.controlplane.pages.words import Tongue, language_of
from llmgateway.controlplane.query import Kind, Param
from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.replies import Reply
from llmgateway.controlplane.reviewing import Reviewing
from llmgateway.controlplane.reviewtexts import shown
from llmgateway.domain.review import MAX_WHO, BadReviewError, ConcernState, Item, State
from llmgateway.ports.reviews import WantedItems
from llmgateway.ports.store import StoreError
from llmgateway.telemetry.redact import one_line

LISTED: Final = 100
MAX_CONCERNS: Final = 500
MAX_FIELDS: Final = 50
LANGUAGE: Final = "llmgateway_language"
YEAR_S: Final = 366 * 86_400
OUT: Final = f"{PATH}#out"
FORM: Final = Body("application/x-www-form-urlencoded", "The page's own form.", 512 * 1024)
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with none at all a browser's forms would come from nowhere, and be refused
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
STATIC: Final = {"review.js": "text/javascript", "review.css": "text/css"}
_LANGUAGE: Final = Param("lang", Kind.TEXT, "The language from now on.", choices=("en", "ja"))
_LIST: Final = (
    _LANGUAGE,
    Param("state", Kind.TEXT, "Only items that stand so.", choices=tuple(State)),
    Param("queue", Kind.TEXT, "Only items of this queue.", high=64),
    Param("after", Kind.TEXT, "Only those behind this item.", high=64),
    Param("nothing", Kind.FLAG, "Say that nothing is left.", default=False),
)
_ITEM: Final = (_LANGUAGE, Param("raised", Kind.FLAG, "Say that a concern was raised.", default=False))
_OTHER: Final = (_LANGUAGE,)
_PAGE: Final = {200: "The page.", 401: "The page to come in by.", 404: "There is no such item."}
_DONE: Final = {
    303: "It is done; the next page.",
    401: "The page to come in by.",
    403: "The form has no proof, or the token is wrong.",
    404: "There is no such item, or concern.",
    409: "Not now: somebody else was there before.",
}

Form = Mapping[str, str]
Show = Callable[[Asked, Look], Awaitable[web.Response]]
Act = Callable[[Asked, Session, Form], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Doors:
    """Who may come in: the gate in force, and what cookies are signed with."""

    gate: Callable[[], Gate]
    sessions: Sessions


def endpoints(reviewing: Reviewing, concerns: Concerns, doors: Doors) -> Routes:
    """The page's part of the table."""
    pages = _ReviewPages(reviewing, concerns, doors)
    item, concern = f"{PATH}/items/{{id}}", f"{PATH}/concerns/{{id}}"
    return {
        ("GET", PATH): _shown(pages, pages.overview, "The review page: queues and items.", _LIST),
        ("POST", f"{PATH}/login"): _form(pages.login, "Come in with a name and the admin token.", None),
        ("POST", f"{PATH}/logout"): _form(pages.acting(pages.logout), "Leave."),
        ("POST", f"{PATH}/next"): _form(pages.acting(pages.next), "Claim the next item, and see it."),
        ("GET", item): _shown(pages, pages.item, "One item.", _ITEM),
        **{
            ("POST", f"{item}/{name}"): _form(pages.acting(act), f"The item's form: {name}.")
            for name, act in pages.acts.items()
        },
        ("GET", f"{PATH}/concerns"): _shown(pages, pages.concerns, "The concerns.", _OTHER),
        ("POST", f"{concern}/resolve"): _form(pages.acting(pages.closing(ConcernState.RESOLVED)), "Resolve one."),
        ("POST", f"{concern}/accept"): _form(pages.acting(pages.closing(ConcernState.ACCEPTED)), "Accept one."),
        **{
            ("GET", f"{PATH}/static/{name}"): Endpoint(
                _static(name, kind), is_open=True, summary="A file of the page.", produces=kind
            )
            for name, kind in STATIC.items()
        },
    }


def _shown(pages: "_ReviewPages", show: Show, summary: str, query: tuple[Param, ...]) -> Endpoint:
    return Endpoint(
        pages.showing(show),
        is_open=True,
        cookie=COOKIE,
        summary=summary,
        query=query,
        answers=_PAGE,
        produces="text/html",
    )


def _form(
    handler: Callable[[Asked], Awaitable[web.StreamResponse]], summary: str, cookie: str | None = COOKIE
) -> Endpoint:
    return Endpoint(
        handler,
        is_open=True,
        cookie=cookie,
        summary=summary,
        query=(),
        body=FORM,
        answers=_DONE,
        produces="text/html",
    )


class _ReviewPages:
    def __init__(self, reviewing: Reviewing, concerns: Concerns, doors: Doors) -> None:
        self._reviewing = reviewing
        self._concerns = concerns
        self._doors = doors
        self.acts: dict[str, Act] = {
            "claim": self.claim,
            "submit": self.submit,
            "skip": self.skip,
            "adjudicate": self.adjudicate,
            "concern": self.concern,
            "renew": self.renew,
        }

    def showing(self, show: Show) -> Callable[[Asked], Awaitable[web.StreamResponse]]:
        """A page for whoever has come in; the door for all others."""

        async def answer(asked: Asked) -> web.StreamResponse:
            look = self._look(asked)
            if look.session is None:
                return _html(self._door(look), 401, asked)
            try:
                return await show(asked, look)
            except (RefusedError, BadReviewError, StoreError) as error:
                return _html(views.failed(look, look.say.error(*_told(error))), _status(error), asked)

        return answer

    def acting(self, act: Act) -> Callable[[Asked], Awaitable[web.StreamResponse]]:
        """Does what a form asks for, and leads to the page that `act` names, if any."""

        async def answer(asked: Asked) -> web.StreamResponse:
            look = self._look(asked)
            if look.session is None:
                return _html(self._door(look), 401, asked)
            try:
                sent = await _sent(asked)
                _proven(look.session, sent)
                place = await act(asked, look.session, sent)
                return _there(place) if place is not None else Reply(status=204, headers=HEADERS)
            except (RefusedError, BadReviewError, StoreError) as error:
                about = _item_of(asked) if _status(error) != 404 else None
                return _html(views.failed(look, look.say.error(*_told(error)), about), _status(error), asked)

        return answer

    async def login(self, asked: Asked) -> web.StreamResponse:
        sent, look, gate = await _sent(asked), self._look(asked), self._doors.gate()
        who = one_line(sent.get("who", "")).strip()[:MAX_WHO]
        if not gate.accepts(sent.get("token", "")):
            return _html(self._door(look, look.say("login_wrong"), who), 403, asked)
        if not who:
            return _html(self._door(look, look.say("login_nameless")), 422, asked)
        answer = _there(PATH)
        cookie = self._doors.sessions.issue(who, self._reviewing.now(), gate.digest)
        answer.set_cookie(COOKIE, cookie, max_age=int(LIFETIME_S), path=PATH, httponly=True, samesite="Strict")
        return answer

    async def logout(self, _asked: Asked, _session: Session, _sent: Form) -> str:
        return OUT

    async def overview(self, asked: Asked, look: Look) -> web.Response:
        query, store, now = asked.query, self._reviewing.store, self._reviewing.now()
        if query["nothing"]:
            return _html(views.nothing(look), 200, asked)
        state = State(query["state"]) if query["state"] else None
        wanted = WantedItems(queue=query["queue"], state=state)
        items = await store.items(wanted, limit=LISTED, after=query["after"])
        more = items[-1].id if len(items) == LISTED else None
        backlog = await store.review_backlog(now)
        listing = views.Listing(backlog, items, now, wanted, more)
        return _html(views.overview(look, listing), 200, asked)

    async def item(self, asked: Asked, look: Look) -> web.Response:
        seen, said = await self._reviewing.found(asked.names["id"])
        schema, texts = await self._reviewing.schema_of(seen), await shown(self._reviewing.store, seen)
        opened = views.Opened(
            seen,
            schema,
            texts,
            said,
            now=self._reviewing.now(),
            renew_s=self._reviewing.settings().lease_s / 3,
            is_raised=asked.query["raised"],
        )
        return _html(views.item(look, opened), 200, asked)

    async def concerns(self, asked: Asked, look: Look) -> web.Response:
        found = await self._concerns.store.concerns(limit=MAX_CONCERNS)
        in_order = sorted(found, key=lambda each: each.state is not ConcernState.OPEN)
        blind = await self._concerns.blind_to(look.session.who, found) if look.session is not None else frozenset()
        return _html(views.concerns(look, in_order, blind), 200, asked)

    async def next(self, _asked: Asked, session: Session, _sent: Form) -> str:
        return await self._next(session.who, None)

    async def claim(self, asked: Asked, session: Session, _sent: Form) -> str:
        return _at(await self._reviewing.claim(asked.names["id"], session.who))

    async def renew(self, asked: Asked, session: Session, _sent: Form) -> None:
        await self._reviewing.keep(asked.names["id"], session.who)

    async def submit(self, asked: Asked, session: Session, sent: Form) -> str:
        item = await self._reviewing.submit(asked.names["id"], session.who, _seen(sent), _labels(sent))
        return await self._next(session.who, item.queue)

    async def adjudicate(self, asked: Asked, session: Session, sent: Form) -> str:
        return _at(await self._reviewing.adjudicate(asked.names["id"], session.who, _seen(sent), _labels(sent)))

    async def skip(self, asked: Asked, session: Session, sent: Form) -> str:
        reason = {"reason": sent.get("reason")}
        item = await self._reviewing.skip(asked.names["id"], session.who, _seen(sent), reason)
        return await self._next(session.who, item.queue)

    async def concern(self, asked: Asked, session: Session, sent: Form) -> str:
        item, _ = await self._reviewing.found(asked.names["id"])
        fields = ("text", "severity", "owner", *(["side"] if item.is_pair else []))
        about = {name: sent[name] for name in fields if sent.get(name)}
        await self._concerns.raise_about(item, session.who, about)
        return f"{_at(item)}?raised=true"

    def closing(self, state: ConcernState) -> Act:
        async def close(asked: Asked, session: Session, sent: Form) -> str:
            await self._concerns.close(asked.names["id"], state, session.who, {"reason": sent.get("reason")})
            return f"{PATH}/concerns"

        return close

    async def _next(self, who: str, queue: str | None) -> str:
        item = await self._reviewing.next(who, queue=queue, resumes=True)
        return _at(item) if item is not None else f"{PATH}?nothing=true"

    def _look(self, asked: Asked) -> Look:
        cookies, digest = asked.http.cookies, self._doors.gate().digest
        chosen = asked.query.get("lang") or cookies.get(LANGUAGE)
        say = Tongue(language_of(chosen, asked.http.headers.get(hdrs.ACCEPT_LANGUAGE, "")))
        session = self._doors.sessions.read(cookies.get(COOKIE), self._reviewing.now(), digest)
        here = asked.http.rel_url.raw_path if asked.http.method in {"GET", "HEAD"} else PATH
        return Look(say, session, here)

    def _door(self, look: Look, wrong: str | None = None, who: str = "") -> str:
        return views.login(look, wrong, needs_token=self._doors.gate().digest is not None, who=who)


def _html(text: str, status: int, asked: Asked) -> web.Response:
    answer = Reply(status=status, text=text, content_type="text/html", charset="utf-8", headers=HEADERS)
    if language := asked.query.get("lang"):
        answer.set_cookie(LANGUAGE, language, max_age=YEAR_S, path=PATH, httponly=True, samesite="Strict")
    return answer


def _there(place: str) -> web.Response:
    answer = Reply(status=303, headers={**HEADERS, hdrs.LOCATION: place})
    if place == OUT:
        answer.del_cookie(COOKIE, path=PATH)
    return answer


def _item_of(asked: Asked) -> str | None:
    """The item that a form is about, if it is about one."""
    return asked.names["id"] if asked.http.rel_url.raw_path.startswith(f"{PATH}/items/") else None


def _at(item: Item) -> str:
    return f"{PATH}/items/{item.id}"


async def _sent(asked: Asked) -> dict[str, str]:
    """A form's fields that were filled in, lines ended as they are everywhere but in forms."""
    text = await text_of(asked, FORM)
    try:
        fields = parse_qsl(text, max_num_fields=MAX_FIELDS)
        return {name: value.replace("\r\n", "\n") for name, value in fields if value.strip()}
    except ValueError:
        raise RefusedError(422, "invalid_body", "The form has too many fields.") from None


def _proven(session: Session, sent: Form) -> None:
    if not compare_digest(sent.get("form", "").encode(), session.form.encode()):
        raise RefusedError(403, "foreign_form", "The form did not come from this page, or is too old: load it again.")


def _seen(sent: Form) -> int | None:
    text = sent.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _labels(sent: Form) -> dict[str, Any]:
    labels = {name.removeprefix("label."): value for name, value in sent.items() if name.startswith("label.")}
    words = {name: sent[name] for name in ("comment", "correction") if name in sent}
    return {"labels": labels, **words}


def _told(error: Exception) -> tuple[str, str]:
    """What is wrong, for programs and for people."""
    if isinstance(error, RefusedError):
        return error.code, error.message
    return "invalid_body" if isinstance(error, BadReviewError) else "store_unavailable", str(error)


def _status(error: Exception) -> int:
    if isinstance(error, RefusedError):
        return error.status
    return 422 if isinstance(error, BadReviewError) else 503


def _static(name: str, kind: str) -> Callable[[Asked], Awaitable[web.StreamResponse]]:
    async def answer(_: Asked) -> web.StreamResponse:
        return Reply(body=_file(name), content_type=kind, charset="utf-8", headers=HEADERS)

    return answer


@cache
def _file(name: str) -> bytes:
    return resources.files("llmgateway.controlplane.pages").joinpath(name).read_bytes()

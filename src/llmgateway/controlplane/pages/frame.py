"""What every page has around it."""

from dataclasses import dataclass
from typing import Final

from llmgateway.controlplane.pages.session import Session
from llmgateway.controlplane.pages.words import LANGUAGES, Tongue
from llmgateway.drawing.html import Html, join, tag

PATH: Final = "/review"
NAMES: Final = {"en": "English", "ja": "日本語"}


@dataclass(frozen=True, slots=True)
class Look:
    """For whom a page is made: the language, and who has come in (None: nobody yet)."""

    say: Tongue
    session: Session | None
    here: str = PATH  # where the switch of languages leads back to


def page(look: Look, *inner: str, renew: str | None = None, every_s: float = 0.0) -> str:
    """A whole document. `renew`: where the script keeps a lease, every so many seconds."""
    body = tag(
        "body",
        _nav(look),
        tag("main", *inner),
        data_renew=renew,
        data_every=int(every_s) if renew else None,
        data_form=look.session.form if renew and look.session else None,
        data_who=look.session.who if look.session else None,
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{look.say('title')} · llmgateway"),
        tag("link", rel="stylesheet", href=f"{PATH}/static/review.css"),
        tag("script", src=f"{PATH}/static/review.js", defer=True),
    )
    return "<!doctype html>" + tag("html", head, body, lang=look.say.language)


def form(look: Look, action: str, *inner: str, id_: str | None = None) -> Html:
    """A form that proves that it comes from a page of ours."""
    proof = tag("input", type="hidden", name="form", value=look.session.form if look.session else "")
    return tag("form", proof, *inner, method="post", action=f"{PATH}/{action}", id=id_)


def button(text: str, *, is_first: bool = False, key: str | None = None) -> Html:
    hint = join(" ", tag("kbd", key)) if key else Html("")
    return tag("button", text, hint, type="submit", class_="first" if is_first else None)


def _nav(look: Look) -> Html:
    say, parts = look.say, [tag("h1", look.say("title"))]
    if look.session is not None:
        parts += [
            form(look, "next", button(say("next"), is_first=True, key="n"), id_="next"),
            tag("a", say("list"), href=PATH),
            tag("a", say("concerns"), href=f"{PATH}/concerns"),
        ]
    mark = "&" if "?" in look.here else "?"
    others = [
        tag("a", NAMES[each], href=f"{look.here}{mark}lang={each}", lang=each)
        for each in LANGUAGES
        if each != say.language
    ]
    parts += [tag("span", class_="grow"), *others]
    if look.session is not None:
        parts += [tag("span", look.session.who), form(look, "logout", button(say("logout")))]
    return tag("nav", *parts)

"""The pages of the review, written from what there is to show. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from llmgateway.controlplane.pages.frame import PATH, Look, button, form, page
from llmgateway.controlplane.reviewtexts import Said, Shown
from llmgateway.domain.review import (
    MAX_CORRECTION,
    MAX_WHO,
    MAX_WORDS,
    Concern,
    ConcernState,
    Item,
    Kind,
    Review,
    Schema,
    Severity,
    State,
)
from llmgateway.drawing.html import Html, Value, join, tag
from llmgateway.ports.reviews import Backlog, WantedItems
from llmgateway.review.verdicts import SIDES

_WAITING: Final = frozenset({"open", "claimed", "disputed"})


def login(look: Look, wrong: str | None, *, needs_token: bool, who: str = "") -> str:
    """Where somebody says who they are. `who`: what they have said already."""
    say = look.say
    name = _asked_for("who", "text", "username", is_first=not who, value=who or None, maxlength=MAX_WHO)
    fields = [_field(say("your_name"), name)]
    if needs_token:
        fields.append(_field(say("token"), _asked_for("token", "password", "current-password", is_first=bool(who))))
        fields.append(tag("p", say("token_hint"), class_="hint"))
    told = [tag("p", wrong, class_="bad", role="alert")] if wrong else []
    inner = form(look, "login", *fields, tag("p", button(say("login"), is_first=True)))
    return page(look, *told, tag("div", inner, class_="narrow"))


def _asked_for(name: str, kind: str, autocomplete: str, *, is_first: bool, **more: Value) -> Html:
    """A field of the login. `is_first`: what is typed goes there without a click."""
    return tag("input", type=kind, name=name, required=True, autocomplete=autocomplete, autofocus=is_first, **more)


def failed(look: Look, message: str, item_id: str | None = None) -> str:
    """Why something was not done, and the way back to the item that it was about."""
    place = PATH if item_id is None else f"{PATH}/items/{item_id}"
    back = tag("p", tag("a", look.say("back"), href=place, class_="button"))
    return page(look, tag("p", f"{look.say('failed')}: {message}", class_="bad", role="alert"), back)


@dataclass(frozen=True, slots=True)
class Listing:
    """The queues and one page of the items. `wanted`: which were asked for; `more`: where the next page begins."""

    backlog: Sequence[Backlog]
    items: Sequence[Item]
    now: float
    wanted: WantedItems
    more: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """An item that somebody looks at. Their lease is renewed every `renew_s`; `is_raised`: they have just raised a
    concern.
    """

    item: Item
    schema: Schema
    texts: Shown
    said: Sequence[Review]
    now: float
    renew_s: float = 0.0
    is_raised: bool = False


def overview(look: Look, listing: Listing) -> str:
    """The queues and one page of the items."""
    say, wanted = look.say, listing.wanted
    waiting: dict[str, int] = {}
    for line in listing.backlog:
        waiting[line.queue] = waiting.get(line.queue, 0) + (line.count if line.status in _WAITING else 0)
    queues = [
        join(_choice(queue, wanted, queue=queue), f": {count} {say('waiting')}")
        for queue, count in sorted(waiting.items())
    ]
    states = [_choice(say(f"status.{each}"), wanted, state=each) for each in State]
    inner = [tag("p", *_spaced(queues)), tag("p", *_spaced([_choice(say("all"), wanted, state=None), *states]))]
    inner.append(_table_of(look, listing.items, listing.now) if listing.items else tag("p", say("no_items")))
    if listing.more is not None:
        following = _place(wanted, after=listing.more)
        inner.append(tag("p", tag("a", say("more"), href=following, class_="button", rel="next")))
    return page(look, *inner)


def _choice(text: str, wanted: WantedItems, **changes: Any) -> Html:
    """A link to the items that are wanted, but for one thing."""
    changed = replace(wanted, **changes)
    return tag("a", text, href=_place(changed), aria_current="true" if changed == wanted else None)


def _place(wanted: WantedItems, after: str | None = None) -> str:
    query = {"queue": wanted.queue, "state": wanted.state, "after": after}
    asked = urlencode({name: value for name, value in query.items() if value})
    return f"{PATH}?{asked}" if asked else PATH


def nothing(look: Look) -> str:
    return page(look, tag("p", look.say("nothing"), class_="note", role="status"))


def item(look: Look, opened: Opened) -> str:
    """One item: what was said, and what its reader may do."""
    assert look.session is not None
    seen, say = opened.item, look.say
    is_mine = seen.state is State.OPEN and seen.claimed_by == look.session.who
    inner = [tag("p", say("raised"), class_="note", role="status")] if opened.is_raised else []
    inner += [_about(look, seen, opened.now), *_texts(look, opened.texts), *_acts(look, opened, is_mine=is_mine)]
    inner += [_concern_form(look, seen), tag("p", say("keys"), class_="hint")]
    return page(look, *inner, renew=f"{PATH}/items/{seen.id}/renew" if is_mine else None, every_s=opened.renew_s)


def concerns(look: Look, found: Sequence[Concern], blind: Collection[str] = ()) -> str:
    """All concerns, open ones with what closes them. `blind`: the ids of those whose version is not told."""
    say = look.say
    if not found:
        return page(look, tag("p", say("no_concerns")))
    return page(look, *(_concern(look, each, is_blind=each.id in blind) for each in found))


def _concern(look: Look, each: Concern, *, is_blind: bool) -> Html:
    say = look.say
    about = f"{each.route} / {say('blind_side') if is_blind else each.version or say('all')}"
    head = f"{say('severity')}: {say(f'severity.{each.severity}')} · {about} · {say(f'concern.{each.state}')}"
    by = tag("p", f"{each.by}, {_time(each.at)}", class_="hint")
    lines = [tag("h2", head), by, tag("div", each.text, class_="text")]
    if each.owner:
        lines.append(tag("p", f"{say('owner')}: {each.owner}"))
    if each.state is not ConcernState.OPEN:
        return tag("section", *lines, tag("p", f"{each.closed_by}: {each.closed_reason}", class_="note"))
    for act in ("resolve", "accept"):
        why = _field(say("why"), tag("input", type="text", name="reason", maxlength=MAX_WORDS, required=True))
        inner = form(look, f"concerns/{each.id}/{act}", why, tag("p", button(say(act))))
        lines.append(tag("details", tag("summary", say(act)), inner))
    return tag("section", *lines)


def _table_of(look: Look, items: Sequence[Item], now: float) -> Html:
    say = look.say
    heads = tag("tr", *(tag("th", say(key)) for key in ("state", "reason", "queue", "route", "age", "who")), tag("th"))
    rows = [
        tag(
            "tr",
            _cell(say("state"), say("status.claimed") if each.holder(now) else say(f"status.{each.state}")),
            _cell(say("reason"), say(f"reason.{each.reason}")),
            _cell(say("queue"), each.queue),
            _cell(say("route"), each.route or ""),
            _cell(say("age"), _time(each.created_at)),
            _cell(say("who"), each.holder(now) or ""),
            tag("td", tag("a", say("open_it"), href=f"{PATH}/items/{each.id}")),
        )
        for each in items
    ]
    return tag("table", tag("thead", heads), tag("tbody", *rows), class_="items")


def _cell(name: str, text: str) -> Html:
    """What stands in a column; where a page is narrow, its name stands before it."""
    return tag("td", text, data_name=name)


def _about(look: Look, seen: Item, now: float) -> Html:
    say = look.say
    facts = [seen.queue, say(f"reason.{seen.reason}"), seen.route or "", _stands(look, seen, now), seen.note or ""]
    return tag("p", " · ".join(filter(None, facts)))


def _stands(look: Look, seen: Item, now: float) -> str:
    """Where an item stands, for whoever looks at it."""
    assert look.session is not None
    say, holder = look.say, seen.holder(now)
    if holder == look.session.who:
        return say("yours").format(_clock(seen.claimed_until))
    return say("status.claimed") if holder else say(f"status.{seen.state}")


def _texts(look: Look, texts: Shown) -> list[Html]:
    say = look.say
    parts = [tag("h2", say("asked")), _said(look, texts.asked)]
    if len(texts.answers) == 1:
        return [*parts, tag("h2", say("answer")), _said(look, texts.answers[0])]
    sides = [
        tag("section", tag("h2", say(f"side.{side}")), _said(look, answer), id=side)
        for side, answer in zip(SIDES, texts.answers, strict=True)
    ]
    return [*parts, tag("div", *sides, class_="sides")]


def _said(look: Look, texts: Sequence[Said]) -> Html:
    if not texts:
        return tag("p", look.say("not_kept"), class_="hint")
    return join(
        *(
            tag("div", tag("div", look.say(f"role.{source}"), class_="role"), tag("div", text, class_="text"))
            for source, text in texts
        )
    )


def _acts(look: Look, opened: Opened, *, is_mine: bool) -> list[Html]:
    assert look.session is not None
    seen, schema, said = opened.item, opened.schema, opened.said
    say, who = look.say, look.session.who
    is_unsaid = all(review.reviewer != who for review in said)
    if seen.state is State.DISPUTED:
        told = [tag("p", say("disputed"), class_="note"), *_reviews(look, said)]
        return [*told, _labels_form(look, seen, schema, "adjudicate")] if is_unsaid else told
    if seen.state is not State.OPEN:
        return [tag("p", say("closed"), class_="note"), *_reviews(look, said)]
    if is_mine and is_unsaid:
        return [_labels_form(look, seen, schema, "submit"), _skip_form(look, seen)]
    if seen.holder(opened.now) not in {None, who}:
        return [tag("p", say("held"), class_="note")]
    return [form(look, f"items/{seen.id}/claim", button(say("claim"), is_first=True))] if is_unsaid else []


def _reviews(look: Look, said: Sequence[Review]) -> list[Html]:
    return [
        tag("p", f"{review.reviewer} {look.say('said_by')}: {_labelled(look, review)}")
        for review in said
        if review.kind is not Kind.SKIP
    ]


def _labelled(look: Look, review: Review) -> str:
    label = look.say.label
    labels = ", ".join(f"{label(question)} {label(answer)}" for question, answer in review.labels.items())
    return " — ".join(filter(None, (labels, review.comment, review.correction)))


def _labels_form(look: Look, seen: Item, schema: Schema, act: str) -> Html:
    say = look.say
    parts: list[Html] = [_version(seen)]
    for question in schema.questions:
        options = [
            tag(
                "label",
                tag("input", type="radio", name=f"label.{question.name}", value=option, required=True),
                f" {say.label(option)} ",
                tag("kbd", str(number)),
            )
            for number, option in enumerate(question.options, 1)
        ]
        parts.append(tag("fieldset", tag("legend", say.label(question.name)), *options, class_="question"))
    parts.append(_field(say("comment"), tag("textarea", name="comment", maxlength=MAX_WORDS)))
    if schema.takes_correction:
        better = _field(say("correction"), tag("textarea", name="correction", maxlength=MAX_CORRECTION))
        parts.append(tag("details", tag("summary", say("correction")), better))
    parts.append(tag("p", button(say(act), is_first=True, key="Enter")))
    return form(look, f"items/{seen.id}/{act}", *parts, id_="labels")


def _skip_form(look: Look, seen: Item) -> Html:
    say = look.say
    why = _field(say("skip_reason"), tag("input", type="text", name="reason", maxlength=MAX_WORDS, required=True))
    inner = form(look, f"items/{seen.id}/skip", _version(seen), why, tag("p", button(say("skip"))))
    return tag("details", tag("summary", say("skip"), " ", tag("kbd", "s")), inner, id="skip")


def _concern_form(look: Look, seen: Item) -> Html:
    say = look.say
    fields = [_field(say("concern_text"), tag("textarea", name="text", maxlength=MAX_WORDS, required=True))]
    if seen.is_pair:
        fields.append(_field(say("side"), _select("side", [(side, say(f"side.{side}")) for side in SIDES])))
    levels = [(each.value, say(f"severity.{each}")) for each in Severity]
    fields.append(_field(say("severity"), _select("severity", levels, Severity.MEDIUM)))
    fields.append(_field(say("owner"), tag("input", type="text", name="owner", maxlength=MAX_WHO)))
    inner = form(look, f"items/{seen.id}/concern", *fields, tag("p", button(say("raise"))))
    return tag("details", tag("summary", say("raise"), " ", tag("kbd", "c")), inner, id="concern")


def _version(seen: Item) -> Html:
    return tag("input", type="hidden", name="version", value=seen.version)


def _select(name: str, options: Sequence[tuple[str, str]], chosen: str = "") -> Html:
    offered = (tag("option", text, value=value, selected=value == chosen) for value, text in options)
    return tag("select", *offered, name=name)


def _field(name: str, control: Html) -> Html:
    return tag("p", tag("label", tag("span", name), control))


def _spaced(parts: Sequence[Html]) -> list[str]:
    return [each for part in parts for each in (part, " ")]


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M UTC")


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")

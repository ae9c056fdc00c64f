"""The guardrail `url`: where the links of a reply lead to."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.url.disguised import disguised, unfinished_disguise
from llmgateway.guardrails.url.hosts import MAX_AUTHORITY, Hosts, authority, host
from llmgateway.guardrails.url.links import AROUND, RUN, Link, is_loaded, links, run_end, unfinished_link
from llmgateway.wire.options import OptionError, Options
from llmgateway.wire.spans import laid
from llmgateway.wire.view import View, fold

_SHORT: Final = 200  # a link up to this long is told apart from the full stop after it
_NEAR: Final = 3 * MAX_AUTHORITY  # a link that is open at the end begins no farther before the run that ends there
_TRAILING: Final = ".,;:!?*_~"
_MARKDOWN: Final = ("(", "<")  # what opens a link in it
_NO_HOSTS: Final = ("", "www")  # what begins like a link and is none
_SCRIPTS: Final = ("javascript:", "vbscript:")


class Url:
    """Finds links and images that lead anywhere but to allowed hosts, such as an image whose address carries data out.

    Options: `allowed_hosts`, a list such as `example.com` (that host alone) and `*.example.com` (all under it), empty
    by default; `links` (true): also links that somebody would have to click, not only what is loaded when shown.
    Kinds: `url.image`, what is loaded when the reply is shown (Markdown images and definitions, HTML tags, CSS);
    `url.link`, other links; `url.script`, javascript: and vbscript:; `url.data`, data: with a media type.
    The finding is the link alone, from its scheme, its `//` (in Markdown, HTML and CSS only) or its `www.` on.
    Limits: http, https, ftp, ws and wss; a bare `example.com` without `www.` is no link. Whoever controls an allowed
    host, or a redirect on it, is allowed. A link inside another one's path or query counts as part of that one, and
    so does one after more than 64 characters without a blank. Where Markdown, HTML or CSS has a link that begins with
    references, escapes or line ends (`&#104;ttps`, `https\\:`), it leads to no allowed host; elsewhere it is not seen.
    """

    name = "url"
    version = "2"
    kinds = ("url.image", "url.link", "url.script", "url.data")

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("allowed_hosts", "links"))
        allowed = settings.texts("allowed_hosts")
        for name in allowed:
            _check_host(name)
        self._hosts = Hosts(allowed)
        self._links = settings.flag("links", default=True)

    def find(self, view: View, start: int = 0) -> list[Finding]:
        found = ((each.start, each.end, each.kind) for each, _ in self._looked(view, start) if each.kind)
        return laid(found, start)

    def settled(self, view: View, start: int = 0) -> int:
        looked = list(self._looked(view, max(0, len(view.folded.rstrip(RUN)) - _NEAR)))
        cut = min(
            [unfinished_link(view), unfinished_disguise(view), *(each.start for each, is_open in looked if is_open)]
        )
        return max(start, cut, *(each.end for each, _ in looked if each.kind and each.start < cut))

    def continues(self, kind: str, text: str) -> int:  # noqa: ARG002 - all kinds go on alike
        return run_end(fold(text), 0)

    def _looked(self, view: View, start: int) -> Iterator[tuple[Finding, bool]]:
        """Give each link, its kind empty if it is allowed, and whether what follows the text may change it."""
        for link in links(view, max(0, start - AROUND)):
            if link.scheme.startswith(_SCRIPTS):
                yield _seen(view, link, link.host, "url.script")
            elif link.scheme.startswith("data:"):
                yield _seen(view, link, link.host, "url.data")
            else:
                yield self._judged(view, link)
        for link in disguised(view, max(0, start - AROUND)):
            kind = "url.image" if is_loaded(view, link.start) else "url.link"
            found, is_open = _seen(view, link, link.host, kind if kind == "url.image" or self._links else "")
            yield found, is_open

    def _judged(self, view: View, link: Link) -> tuple[Finding, bool]:
        text = view.folded
        before = text[link.start - 1] if link.start else " "
        written, ended = authority(text[link.host : link.host + _SHORT + 1], before)
        name = host(written, before)
        kind = "url.image" if is_loaded(view, link.start) else "url.link"
        is_odd = before in _MARKDOWN and text.startswith("\\", link.host + len(written))  # it may escape an @
        is_allowed = self._hosts.allow(name) and not is_odd
        if name in _NO_HOSTS or is_allowed or (kind == "url.link" and not self._links):
            return Finding(link.start, link.host, ""), not ended
        found, is_open = _seen(view, link, link.host + len(written), kind)
        return found, is_open or not ended


def _seen(view: View, link: Link, at: int, kind: str) -> tuple[Finding, bool]:
    """Take a link on to its end from `at`, which surely belongs to it."""
    text = view.folded
    end = reached = run_end(text, at)
    if end - link.start <= _SHORT:
        end -= len(text[link.host : end]) - len(text[link.host : end].rstrip(_TRAILING))
    return Finding(link.start, max(end, link.host), kind), reached == len(text)


def _check_host(name: str) -> None:
    bare = name.removeprefix("*.")
    if not bare or any(not (char.isalnum() or char in "-._[]:") for char in bare) or bare != bare.strip("."):
        raise OptionError(
            "allowed_hosts", f"allowed_hosts: {name!r} is not a host such as example.com or *.example.com."
        )

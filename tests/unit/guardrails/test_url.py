"""The guardrail `url`: where links lead to, as a browser would read them."""

import random

import pytest

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.url.guardrail import Url
from llmgateway.guardrails.url.hosts import MAX_AUTHORITY, Hosts, authority, host
from llmgateway.guardrails.url.links import LEAD, links, run_end, unfinished_link
from llmgateway.ports.guardrail import MAX_OPEN, REACH, OptionError
from llmgateway.wire.view import SEPARATOR, View

ALLOWED = ["example.com", "*.example.com", "例え.jp"]


def found(text, **options):
    guardrail = Url({"allowed_hosts": ALLOWED, **options})
    return [(each.kind.removeprefix("url."), text[each.start : each.end]) for each in guardrail.find(View(text))]


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com",
        "see https://example.com.",
        "(https://example.com)",
        "(see https://example.com, and more)",
        "[a](https://example.com)**bold**",
        "![a](https://a.b.example.com/x.png?q=1)",
        "<https://example.com>",
        "<img src='https://example.com'>",
        "fetch('https://example.com').then(",
        "https://example.com:8443/x",
        "HTTPS://EXAMPLE.COM/",
        "https://user:pass@example.com/",
        "https://example.com./x",
        "https://example.comを見て",
        "https://example.com。次の話",
        "https://例え.jp/x",
        "https://example.com?u=https://evil.test",
        "**https://example.com**",
        "|https://example.com|x|",
        "no link: https: or http:// or // or www. alone",
        "and/or, a//b, // evil.test, c:\\\\evil.test",
        "ahttp://evil.test",
        "data: none, javascript: none, metadata:image/x,",
        "git://evil.test and mailto:a@evil.test",
    ],
)
def test_leaves_alone(text):
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://evil.test/a.", [("link", "https://evil.test/a")]),
        ("see http://evil.test!", [("link", "http://evil.test")]),
        ("_https://evil.test/_ x", [("link", "https://evil.test/")]),
        ("url:https://evil.test", [("link", "https://evil.test")]),
        ("![](https://evil.test/p?d=1)", [("image", "https://evil.test/p?d=1")]),
        ("![a b](  https://evil.test/p)", [("image", "https://evil.test/p")]),
        ('![a](<https://evil.test/p> "t")', [("image", "https://evil.test/p")]),
        ("![a](//evil.test/p)", [("image", "//evil.test/p")]),
        ("![a](\\\\evil.test/p)", [("image", "\\\\evil.test/p")]),
        ("![a](http:evil.test/p)", [("image", "http:evil.test/p")]),
        ("![a](https:/evil.test/p)", [("image", "https:/evil.test/p")]),
        ("[a](https://evil.test)", [("link", "https://evil.test")]),
        ("[![a](https://example.com/i)](https://evil.test)", [("link", "https://evil.test")]),
        ("![a](x) [b](https://evil.test)", [("link", "https://evil.test")]),
        ("[r]: https://evil.test/p", [("image", "https://evil.test/p")]),
        ("[^r]: https://evil.test/p", [("link", "https://evil.test/p")]),
        ('<img src="https://evil.test/p">', [("image", "https://evil.test/p")]),
        ("<IMG SRC = //evil.test/p>", [("image", "//evil.test/p")]),
        ("<a href=https://evil.test/p>", [("link", "https://evil.test/p")]),
        ("<img x> https://evil.test", [("link", "https://evil.test")]),
        ("a { background: url(//evil.test/p) }", [("image", "//evil.test/p")]),
        ("www.evil.test/x", [("link", "www.evil.test/x")]),
        ("ws://evil.test ftp://evil.test", [("link", "ws://evil.test"), ("link", "ftp://evil.test")]),
        ("[x](javascript:alert(1))", [("script", "javascript:alert")]),
        ("VBScript:x", [("script", "VBScript:x")]),
        ("data:text/html;base64,PHNjcmlwdD4=", [("data", "data:text/html;base64,PHNjcmlwdD4=")]),
        ("ｈｔｔｐｓ：／／ｅｖｉｌ．ｔｅｓｔ", [("link", "ｈｔｔｐｓ：／／ｅｖｉｌ．ｔｅｓｔ")]),
        ("詳細はhttps://evil.test/aを見て", [("link", "https://evil.test/a")]),
        ("https://悪.test/a", [("link", "https://悪.test/a")]),
    ],
)
def test_finds(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com@evil.test",
        "https://example.com:80@evil.test",
        "https://example.com.evil.test",
        "https://evil-example.com",
        "https://example.com%40evil.test",
        "https://example.com%2eevil.test",
        "https://example.com$.evil.test",
        "https://example.com,evil.test",
        "https://example.com'.evil.test",
        "https://example.com'@evil.test",
        "https://example.com。evil.test",
        "https://example.com、@evil.test",
        "https://exаmple.com",
        "https://[::1]/",
        "https://2130706433",
        "https://evil.test\\.example.com",
        "https://evil.test#.example.com",
        "https://evil.test%2f.example.com",
        "https://" + "a" * 300 + ".example.com",
    ],
)
def test_an_odd_address_is_not_an_allowed_one(address):
    assert [kind for kind, _ in found(f'<img src="{address}">')] == ["image"]


@pytest.mark.parametrize(
    ("opened", "kind"),
    [("![x]({}", "image"), ("![x](<{}", "image"), ("[x]: {}", "image"), ('<img src="{}', "image"), ("[x]({}", "link")],
)
@pytest.mark.parametrize(
    "link",
    [
        "&#104;ttps://evil.test/q",
        "h&#x74;tps://evil.test/q",
        "https&colon;//evil.test/q",
        "https:&#47;&#47;evil.test/q",
        "&sol;/evil.test",
        "/&#47;evil.test/q",
        "https\\://evil.test/q",
    ],
)
def test_a_beginning_that_is_written_otherwise_leads_to_no_allowed_host(opened, kind, link):
    ((seen, address),) = found(opened.format(link))
    assert seen == kind
    assert address.endswith(link[-4:])
    assert found(f"the text {link.partition('//')[0]} is none") == []


def test_browsers_leave_out_line_ends_and_tabs():
    assert found('<img src="ht\ntps://evil.test/q">') == [("image", "ht\ntps://evil.test/q")]
    assert found('<img src="https:/\t/evil.test/q">') != []


def test_markdown_takes_a_backslash_before_a_sign_away():
    assert found(r"![x](https://example.com\@evil.test/q)") == [("image", "https://example.com")]
    assert found(r"print('https://example.com\n')") == []


@pytest.mark.parametrize(
    "text",
    [
        "![x](https://example.com/?a=1&amp;b=2)",
        "[x](https://example.com/a&#47;b)",
        "[x](page.html)",
        "AT&T (see &#104;)",
        "if (a && b) {",
        "src = a\nb",
        'href="page"\nnext: "x"',
    ],
)
def test_references_elsewhere_are_none_of_its_business(text):
    assert found(text) == []


def test_only_what_loads_itself_is_found_where_links_may_go_anywhere():
    text = "[a](https://evil.test) ![b](https://evil.test) javascript:x"
    assert [kind for kind, _ in found(text, links=False)] == ["image", "script"]


def test_addresses_of_ipv6_can_be_allowed():
    guardrail = Url({"allowed_hosts": ["[::1]"]})
    assert guardrail.find(View("http://[::1]:80/x")) == []
    assert guardrail.find(View("http://[::2]/x")) != []


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("nothing here", 0),
        ("with", 0),
        ("a h", 1),
        ("a http", 4),
        ("a https:/", 7),
        ("a https://evil.test/x", 19),
        ("a https://evil.test/x ", 0),
        ("a https://example.com", 19),
        ("a https://example.com/", 1),
        ("a https://example.com/h", 1),
        ("a https://example.com/ha", 0),
        ("a /", 1),
        ("a data:image/png", 14),
        ("a javascript:", 11),
        ("日本語の文", 0),
    ],
)
def test_only_a_link_that_is_open_is_held(text, held):
    guardrail = Url({"allowed_hosts": ALLOWED})
    assert len(text) - guardrail.settled(View(text)) == held


@pytest.mark.parametrize("text", ["javascript:\\AAAA)", "'javascript:\"www.(AAAA//\\:", "(/data:image/png;をdata:a/b,"])
def test_links_that_begin_inside_others_keep_what_is_settled(text):
    guardrail = Url({})
    for cut in range(len(text)):
        settled = guardrail.settled(View(text[:cut]))
        early = [each for each in guardrail.find(View(text[:cut])) if each.start < settled]
        assert early == [each for each in guardrail.find(View(text)) if each.start < settled]
        assert all(each.end <= settled for each in early)


def test_a_long_link_is_shown_at_once_and_what_belongs_to_it_swallowed():
    guardrail = Url({})
    text = "![x](data:image/png;base64," + "A" * 5000
    assert guardrail.find(View(text)) == [Finding(5, len(text), "url.data")]
    assert guardrail.settled(View(text)) == 5
    assert guardrail.continues("url.data", "AAAA) and") == 4
    assert guardrail.continues("url.link", "ＡＡ" + SEPARATOR + "A") == 2
    assert guardrail.continues("url.link", ")") == 0


def test_a_host_that_does_not_end_is_not_waited_for():
    guardrail = Url({"allowed_hosts": ALLOWED})
    text = "https://example.com" + ")" * 300
    assert len(text) - guardrail.settled(View(text)) <= MAX_OPEN
    assert authority("a" * MAX_AUTHORITY, " ") == ("a" * MAX_AUTHORITY, False)
    assert authority("a" * (MAX_AUTHORITY + 1), " ") == ("a" * MAX_AUTHORITY, True)


@pytest.mark.parametrize(
    ("written", "before", "name"),
    [
        ("example.com", " ", "example.com"),
        ("u:p@Example.com:80", " ", "example.com"),
        ("a@b@c.test", " ", "c.test"),
        ("example.com).", " ", "example.com"),
        ("[::1]:80", " ", "[::1]"),
        ("[::1", " ", ""),
        ("example.comを見て", " ", "example.com"),
        ("example.comを見て", "(", "example.comを見て"),
        ("例え.jp", " ", "例え.jp"),
        ("", " ", ""),
    ],
)
def test_the_host_of_an_authority(written, before, name):
    assert host(written, before) == name


def test_a_star_allows_what_is_under_a_host_and_not_the_host_itself():
    hosts = Hosts(["*.Example.com"])
    assert hosts.allow("a.example.com")
    assert hosts.allow("a.b.example.com")
    assert not hosts.allow("example.com")
    assert not hosts.allow("aexample.com")
    assert not hosts.allow("evil.test/.example.com")


def test_a_link_needs_a_beginning_that_is_near():
    far = "a/" * LEAD
    assert [each.start for each in links(View(f"{far}https://evil.test"))] == []
    assert [each.start for each in links(View("a=https://evil.test"))] == [2]
    assert [each.start for each in links(View("https://a.test/?b=https://c.test https://d.test"))] == [0, 33]


def test_where_a_link_may_be_about_to_begin():
    assert unfinished_link(View("see h")) == 4
    assert unfinished_link(View("seeh")) == 4
    assert unfinished_link(View("")) == 0
    assert run_end("abc def", 0) == 3
    assert run_end("a" * 3000, 5) == 3000


@pytest.mark.parametrize(
    ("options", "option", "sentence"),
    [
        ({"allowed_hosts": "example.com"}, "allowed_hosts", "list of strings"),
        ({"allowed_hosts": ["https://example.com"]}, "allowed_hosts", "is not a host"),
        ({"allowed_hosts": ["*"]}, "allowed_hosts", "is not a host"),
        ({"allowed_hosts": ["a.*.com"]}, "allowed_hosts", "is not a host"),
        ({"allowed_hosts": ["example.com."]}, "allowed_hosts", "is not a host"),
        ({"links": "no"}, "links", "true or false"),
        ({"hosts": []}, "hosts", "no setting"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, option, sentence):
    with pytest.raises(OptionError, match=sentence) as raised:
        Url(options)
    assert raised.value.option == option


PIECES = [
    "https://",
    "http:",
    "//",
    "evil.test",
    "example.com",
    "/",
    "?q=",
    "(",
    ")",
    "](",
    "![a",
    " ",
    "'",
    '"',
    "@",
    ".",
    "、",
    "を",
    "src=",
    "<img ",
    "<",
    ">",
    "data:image/png;",
    "AAAA",
    "javascript:",
    "x",
    "www.",
    ":",
    "\\",
    SEPARATOR,
    "[",
    "]: ",
    "=",
    "*",
    "a" * 90,
    "://",
    "ｈ",
    "&#104;",
    "&colon;",
    "\n",
    "\t",
    "href=",
    "url(",
    "[1]: ",
]


def test_both_laws_hold_over_any_mixture():
    dice = random.Random(9)
    guardrail = Url({"allowed_hosts": ALLOWED})
    for _ in range(4000):
        text = "".join(dice.choices(PIECES, k=dice.randint(1, 12)))
        cut, start = dice.randint(0, len(text)), dice.randint(0, len(text))
        everything, early = guardrail.find(View(text)), guardrail.find(View(text[:cut]))
        settled = guardrail.settled(View(text[:cut]))
        before = [each for each in early if each.start < settled]
        assert before == [each for each in everything if each.start < settled], (text, cut)
        assert all(each.end <= settled for each in before), (text, cut)
        assert cut - settled <= MAX_OPEN or early[-1].end == cut, (text, cut)
        window = max(0, start - REACH)
        near = guardrail.find(View(text[window:]), start - window)
        assert [(a + window, b + window) for a, b, *_ in near] == [(a, b) for a, b, *_ in everything if a >= start], (
            text
        )


def test_no_link_reaches_over_what_stands_between_texts():
    assert found(f"javascript:{SEPARATOR}https://evil.test/{SEPARATOR}x") == [("link", "https://evil.test/")]
    assert found(f"![a]({SEPARATOR}//evil.test") == []

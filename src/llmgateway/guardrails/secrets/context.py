"""Values that are secrets because of what they are called: assignments, headers, options, and prose about passwords."""

from typing import Final

from ahocorasick_rs import BytesAhoCorasick

from llmgateway.guardrails.secrets.made_up import is_dressed_up
from llmgateway.guardrails.secrets.scan import FOREIGN, RUN, Candidate, Detector, Judge, Scan, compiled, of_class
from llmgateway.guardrails.secrets.strength import (
    is_other_assignment,
    is_password,
    is_password_in_prose,
    is_token,
    is_uuid,
)
from llmgateway.ports.guardrail import MAX_OPEN
from llmgateway.wire.expression import Expression, Span
from llmgateway.wire.view import CONTEXT, SEPARATOR

PASSWORD: Final = "secret.password"  # noqa: S105
GENERIC: Final = "secret.generic"
PROVIDERS: Final = (
    *("mistral", "cohere", "azure", "heroku", "cloudflare", "twilio", "aws", "datadog", "mailchimp", "openai"),
    *("deepseek", "together", "voyage", "stability", "dashscope", "vercel", "okta", "auth0", "algolia", "jenkins"),
)
_PROVIDERS: Final = BytesAhoCorasick([each.encode() for each in PROVIDERS])

_WORD: Final = {
    "pass": rb"pass(?:w(?:or)?d|phrase|code|wort)?",
    "pwd": rb"pwd",
    "pw": rb"pw",
    "secret": rb"secret",
    "token": rb"token",
    "key": rb"key",
    "credential": rb"credentials?",
    "kennwort": rb"kennwort",
    "mot de passe": rb"mot de passe",
    "contrase": rb"contrase(?:n|[?n]{1,2})a",
}
_OF_PASSWORDS: Final = frozenset({"pass", "pwd", "pw", "credential", "kennwort", "mot de passe", "contrase"})
SUFFIX: Final = (
    rb"(?i:[_-]?(?:[0-9]{1,2}|prod|production|dev|test|staging|stage|live|main|base|old|new|value|primary|secondary))?"
)
CLOSE: Final = rb"[\"'`\]\)*_\\]{0,4}"
_OPEN: Final = rb"[\"'`(\[{*_\\]{0,4}"
_CELL: Final = rb"|->|\|"
_ELEMENT: Final = rb"|[\"']>| [a-z]{2,12}=\"[A-Za-z0-9]{0,12}\">"
ROW: Final = rb"</[a-z]{1,6}>\s{0,8}<[a-z]{1,6}(?: [^<>\x1f]{1,32})?>(?:<[a-z]{1,4}>)?"  # of a table in HTML
_ARGUMENT: Final = rb"[({]\s?[\"']|"
_SIGN: Final = rb"(?::=|=>|<-|={1,3}|:" + _CELL + rb")"
_ASSIGNED: Final = (
    rb"(?::[ ]?[>|][+-]?\n\s{1,8}|"  # a block of YAML
    rb"[\"'`]?\s?(?:[,:]\s?|\s)(?:\{\s?)?\s{0,15}[\"']?(?i:value)[\"']?\s?[:=]\s?[\"']?|"  # named values, or XML
    rb"\" \{\s{1,8}(?:(?:type|sensitive) {1,8}= [a-z]{1,8}\s{1,8}){0,2}default {1,8}= \"|"  # a variable of Terraform
    rb" ?: ?&?(?:'static )?[A-Za-z]{3,8} = [bru]?[\"']|"  # with its type
    rb"[\"'\])]{0,3}\s{1,2}(?:\|\||\x1a\x1a|or)\s{1,2}[\"'`]|"  # env.NAME || 'value'
    + CLOSE
    + rb"(?: [. ]{2,32}|\s{0,24})"
    + _SIGN
    + rb"[*_\"'`]{0,2}\s{0,8}(?:Bearer |Token )?(?:[bBrRuUN@]{1,2}[\"']|"  # strings of Python, SQL, C#
    + _OPEN
    + rb")|[ ]-p[ ]?[\"']?|"  # sshpass
    + rb"[\"']\s?,\s{0,4}[\"']|"  # define('NAME', 'value')
    + _ARGUMENT
    + rb">|\s[\"'`]"
    + _ELEMENT
    + rb"|"
    + ROW
    + rb")"
)
_PHRASE: Final = (
    rb"(?:(?: (?:that|which|I|you|we|they|he|she)(?: [a-z']{1,8}){1,2})?"
    rb"(?:[ ]\(?(?i:for|to|of|on|at|in|with|between|behind)\b(?:[^\n.:=\x1f]|\.[A-Za-z0-9]){1,38}"
    rb"| \([A-Za-z ]{1,16}\))?"
    rb"(?: (?:that|which|I|you|we|they|he|she)(?: [a-z']{1,8}){1,2})?"
    rb"(?:(?: here)?:|[ ](?:(?:(?:has been|had been|is|was|got|gets) )?(?:now )?"
    rb"(?:set|reset|changed|updated|rotated|equals) (?:to|as)|is|was|used to be|will be|should be|being|namely"
    rb"|reads|says|remains|stays|still|currently|became|lautet|ist|est|es|here is|to|as|=)|'s)"
    rb"(?: (?:now|currently|still|just|literally|simply|actually|again|called|set to|the following|only|really)){0,2}"
    rb":?\s{1,3}" + _OPEN + rb"|(?: (?:changed|reset|set|updated))?[ ]?[?][? :=]{0,10}" + _OPEN + rb")"  # PW は …
)
_DIRECT: Final = (
    rb"(?:[ ]-{1,2}[ ]|[ ]\((?:currently|now|still|was|is|formerly)(?: is)?:? |\n|[*_]{0,3}[ \t]{1,8})" + _OPEN
)
_PAUSED: Final = rb"(?:,|(?: [a-z']{1,12}){1,8}:|\. (?:It's|It is)) "
_STRIKING: Final = rb"[^\s\x1f]{0,24}(?:[0-9]|[a-z][A-Z])"

_ANY: Final = of_class(RUN.replace("?", ""))
_PLAIN: Final = of_class("".join(each for each in RUN if each not in "?,;"))
_INNER: Final = of_class("".join(each for each in RUN if each not in "?,;<>|&"))
_REST: Final = rb"[A-Za-z0-9_./+=~%:-]*"
QUOTED: Final = compiled(_ANY + rb"{1,64}" + _REST)
PLAIN: Final = compiled(_PLAIN + rb"{1,64}" + _REST)
INNER: Final = compiled(_INNER + rb"{1,64}" + _REST)
_OPENING: Final = b" \t\n\"'`(*[{_\\"
_LENGTH_OF_KEY: Final = 20
_FULL_STOP: Final = "。"
_SEPARATOR: Final = SEPARATOR.encode()
_BACKSLASH: Final = 0x5C
_QUOTES: Final = frozenset(b"\"'`")
_ANSWERS: Final = {ord("("): b")", ord("["): b"]", ord("{"): b"}", ord("*"): b"*", ord("_"): b"_"}
_TRAILING: Final = b".,:;)]}*_\x1a"
_CLOSING: Final = frozenset(_TRAILING + b"([{<")

_NOT_TOKENS: Final = (
    *(
        b"page",
        b"next",
        b"max",
        b"csrf",
        b"cursor",
        b"lock",
        b"change",
        b"request",
        b"idempotency",
        b"starting",
        b"eos",
        b"bos",
        b"pad",
    ),
    *(b"continuation", b"sync", b"per", b"total", b"stop"),
)
_SECRET_TOKENS: Final = (
    *(b"api", b"access", b"auth", b"refresh", b"bearer", b"bot", b"personal", b"deploy", b"admin", b"secret"),
    *(each.encode() for each in PROVIDERS),
)
_KEYS: Final = (
    *(b"api", b"secret", b"access", b"private", b"auth", b"authentication", b"encryption", b"encrypt", b"signing"),
    *(b"account", b"master", b"subscription", b"client", b"service", b"shared", b"storage", b"app", b"application"),
    *(b"hmac", b"admin", b"deploy", b"write", b"webhook", b"license", b"consumer", b"session", b"jwt", b"cipher"),
    *(b"wpa", b"wifi", b"preshared", b"pre-shared", b"decryption", b"aes", b"registration", b"activation", b"root"),
    *(
        b"pagerduty",
        b"grafana",
        b"stripe",
        b"slack",
        b"github",
        b"gitlab",
        b"sentry",
        b"sendgrid",
        b"mailgun",
        b"notion",
    ),
    *(b"airtable", b"zendesk", b"segment", b"mixpanel", b"amplitude", b"new relic", b"newrelic", b"splunk", b"elastic"),
    *(b"firebase", b"supabase", b"netlify", b"shopify", b"square", b"paypal", b"braintree", b"plaid", b"recaptcha"),
    *(each.encode() for each in PROVIDERS),
)
_LOGINS: Final = (b"user", b"login", b"account")
_IS_NOUN: Final = compiled(
    rb"(?i:pass(?:w|phrase|code|[ \t]{2,8}\S|[ ](?:is|was)[ ]|"
    rb"[_-]?[0-9a-z]{0,10}[\"'`\])*]{0,4}(?:\s{0,3}[:=|>]|,\s{0,4}[\"'])))"
)


def detectors() -> list[tuple[str, Detector]]:
    """Each word that names secrets, with what looks at what follows it."""
    return [(word, _detector(word)) for word in _WORD]


def value(scan: Scan, start: int, *, is_inner: bool = False) -> tuple[int, bool]:
    """Where the value that begins at `start` ends, and whether it fills what decides (see `scan`)."""
    octets, limit = scan.octets, min(start + MAX_OPEN, len(scan.octets))
    before = octets[start - 1] if start else 0
    pattern = QUOTED if before in _QUOTES else INNER if is_inner else PLAIN
    end = max(start, pattern.ends(octets, start, limit))
    closing = octets.find(b"</", start, end)
    if closing >= 0:  # an element of XML ends
        return closing, False
    if end == start + MAX_OPEN:
        return end, True
    if end == start or octets[end - 1] not in _CLOSING:
        return end, False
    if before in _QUOTES and octets.startswith(_closing(octets, start), end):
        return end, False
    return start + len(octets[start:end].rstrip(_trailing(octets[start:end], octets[end : end + 1]))), False


def _closing(octets: bytes, start: int) -> bytes:
    """What closes the quote that stands before a value: an escaped one is closed by one that begins in the same way."""
    return b"\\" if start > 1 and octets[start - 2] == _BACKSLASH else octets[start - 1 : start]


def _opened(octets: bytes, start: int, end: int) -> int:
    """Where a value begins that may begin with signs: they are its own if nothing behind it answers them."""
    while start and (closing := _ANSWERS.get(octets[start - 1])) and octets[end : end + 1] != closing:
        start -= 1
    return start


def _trailing(value: bytes, after: bytes) -> bytes:
    """What the sentence around the value may have put behind it."""
    trailing = _TRAILING + b"([{<" if after == FOREIGN else _TRAILING
    inside = value.rstrip(trailing)
    opened = (b")" if b"(" in inside else b"") + (b"]" if b"[" in inside else b"")
    return trailing.translate(None, opened)


def found_value(scan: Scan, start: int, at: int, kind: str, judge: Judge) -> Candidate | None:
    """A candidate of the value at `start`, which the word at `at` names, if `judge` takes it."""
    if start - at >= CONTEXT or start >= len(scan.octets) or scan.folded.find(_FULL_STOP, at, start) >= 0:
        return None
    key = start, judge
    if key not in scan.spans:
        scan.spans[key] = _taken(scan, start, judge)
    taken = scan.spans[key]
    return Candidate(taken[0], 3, taken[1], kind, 0.9) if taken else None


def _taken(scan: Scan, start: int, judge: Judge) -> Span | None:
    """Where the value at `start` is, if `judge` takes it."""
    if start not in scan.values:
        is_late = scan.limit(start) <= start
        scan.values[start] = (-1, False) if is_late else value(scan, start, is_inner=_is_in_query(scan.octets, start))
    end, fills = scan.values[start]
    if end < 0 or not scan.takes(judge, scan.octets[start:end]) or scan.octets.startswith(b"...", end):
        return None
    return _opened(scan.octets, start, end), scan.tokens(end) if fills else end


def _is_in_query(octets: bytes, start: int) -> bool:
    """Whether the name before a value stands in a URL's query."""
    low = max(0, start - CONTEXT)
    at = max(octets.rfind(b"\x1a", low, start), octets.rfind(b"&", low, start))
    return at >= 0 and octets.find(_SEPARATOR, at, start) < 0 and len(octets[at:start].split(None, 1)) == 1


def _detector(word: str) -> Detector:
    signs = _ASSIGNED
    if word not in _OF_PASSWORDS:  # a line parts types, and elements are of classes
        signs = signs.replace(_CELL, b"").replace(_ELEMENT, b"").replace(b"|" + ROW, b"")
    if word == "credential":
        signs = signs.replace(_ARGUMENT, b"")  # a name comes first
    behind = (
        _PHRASE + rb"|" + _DIRECT + _STRIKING + (b"" if word in _OF_PASSWORDS else rb"|" + _PAUSED + _OPEN + _STRIKING)
    )
    gate = compiled(rb"(?i:" + _WORD[word] + rb")(?:" + SUFFIX + signs + rb"|" + behind + rb")")
    assigned = compiled(rb"(?i:" + _WORD[word] + SUFFIX + rb")" + signs)
    spoken = compiled(rb"(?i:" + _WORD[word] + rb")" + _PHRASE)
    direct = compiled(rb"(?i:" + _WORD[word] + rb")" + _DIRECT)
    paused = compiled(rb"(?i:" + _WORD[word] + rb")" + _PAUSED + _OPEN)
    is_of_passwords = word in _OF_PASSWORDS
    kind = PASSWORD if is_of_passwords else GENERIC
    plain: Judge = is_password if is_of_passwords else is_token
    prose: Judge = is_password_in_prose if is_of_passwords else _is_secret
    striking: Judge = is_striking_password if is_of_passwords else _is_striking
    shapes = (
        (assigned, plain),
        (spoken, prose),
        *(() if is_of_passwords else ((paused, _is_long),)),
        (direct, striking),
    )

    def detect(scan: Scan, at: int) -> Candidate | None:
        end = min(at + CONTEXT, len(scan.octets))
        if gate.ends(scan.octets, at, end) < 0 or not _names(scan, at, word):
            return None
        for pattern, judge in shapes:
            start = pattern.ends(scan.octets, at, end)
            starts = _starts(spoken, scan.octets, at, start) if pattern is spoken else [start][: start >= 0]
            values = (found_value(scan, start, at, kind, judge) for start in starts)
            candidate = next(filter(None, values), None)
            if candidate and not (word == "token" and _is_identifier(scan, at, candidate)):
                return _of_provider(scan, candidate)
            if starts:
                return None
        return None

    return detect


def _starts(spoken: Expression, octets: bytes, at: int, start: int) -> list[int]:
    """`start`, and where a value may begin behind a nearer link; the nearest first, so what follows changes nothing."""
    starts: list[int] = []
    while start >= 0:
        starts.insert(0, start)
        said = octets[at:start].rstrip(_OPENING)
        if not _may_have_link(said):
            break
        start = spoken.ends(octets, at, min(start - 1, at + len(said)))
    return starts


def _may_have_link(said: bytes) -> bool:
    """A quick look: whether a word has a link behind it that another one follows; most have one: `password is`."""
    parts = said.split(None, 2)
    if len(parts) > 2 or FOREIGN in said:
        return True
    return len(parts) == 2 and (b":" in parts[0] or b"'" in parts[0])


def _is_secret(octets: bytes) -> bool:
    return is_token(octets) or is_dressed_up(octets)


def _is_long(octets: bytes) -> bool:
    """For a value behind the word and a comma."""
    return len(octets) >= _LENGTH_OF_KEY and _is_striking(octets)


def _is_striking(octets: bytes) -> bool:
    """For a value right behind the word, with nothing between."""
    return is_striking_password(octets) and is_token(octets)


def is_striking_password(octets: bytes) -> bool:
    """For a password right behind the word, with nothing between."""
    return len(octets) >= 8 and is_password_in_prose(octets) and not is_other_assignment(octets)


def _names(scan: Scan, at: int, word: str) -> bool:
    """Whether the word at `at` is, or ends, the name of a secret."""
    before = scan.before(at, 24)
    if word in _OF_PASSWORDS:
        return _names_a_password(scan, at, word, before)
    if b"::" in before.rpartition(b" ")[2] or before.endswith(b":"):
        return False  # part of a longer name, as in an ARN
    left = before.rstrip(b"_-. ")
    if word == "key":
        return left.endswith(_KEYS)
    return word != "token" or not left.endswith(_NOT_TOKENS)


def _names_a_password(scan: Scan, at: int, word: str, before: bytes) -> bool:
    if word not in {"pass", "pw"} or before.endswith(b"ssh"):
        return True
    called = scan.octets[at : at + 5].lower()
    if word == "pass" and called != b"passw" and _IS_NOUN.ends(scan.octets, at) < 0:
        return before.endswith((b", ", b" and ", b" & ")) and any(each in before for each in _LOGINS)
    return scan.begins(at) or scan.octets[at] in b"P" or called in {b"passw", b"passp"}


def _is_identifier(scan: Scan, at: int, candidate: Candidate) -> bool:
    """Whether what is called a token only tells one request or change from another."""
    if not is_uuid(scan.octets[candidate.start : candidate.end]):
        return False
    return not scan.before(at, 24).rstrip(b"_-. ").endswith(_SECRET_TOKENS)


def _of_provider(scan: Scan, candidate: Candidate) -> Candidate:
    """Name the provider whose name stands before the value, if the kind is no better than generic."""
    if candidate.kind != GENERIC:
        return candidate
    near = scan.before(candidate.start)
    named = [which for which, _, _ in _PROVIDERS.find_matches_as_indexes(near, overlapping=True)]
    return candidate._replace(kind=f"secret.{PROVIDERS[min(named)]}") if named else candidate

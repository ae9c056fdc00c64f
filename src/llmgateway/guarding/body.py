"""A JSON body on its way through a chain: every string in it is judged, and those with findings are said otherwise.

Which member a string is in does not matter: what a model might read is judged, wherever it stands. Left out is what
`unread` knows to be read by programs only. JSON inside a string, as in the arguments of calls, is looked into.
"""

from bisect import bisect_left, bisect_right
from itertools import accumulate, groupby
from typing import Final

from llmgateway.domain.errors import GatewayError
from llmgateway.domain.verdict import Action, Stage
from llmgateway.guarding import encoded, neighbours
from llmgateway.guarding.chain import Chain, Hit, blocking, united
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.numbers import MARKS as NUMBERS
from llmgateway.guarding.numbers import Number, has_numbers, numbers
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.standins import is_json, replaced, replaced_json
from llmgateway.guarding.unescaping import OPENINGS
from llmgateway.guarding.unread import FILES, Unread, arguments, is_inside
from llmgateway.wire.expression import Expression
from llmgateway.wire.jsoncodec import JsonError, decode, encode
from llmgateway.wire.jsonscan import replace
from llmgateway.wire.jsontexts import Literal, at_a_glance, literals, plainer, unescaped
from llmgateway.wire.view import CONTEXT, SEPARATOR, View, shown

MAX_NESTED: Final = 12  # JSON in a string in JSON …: each level doubles the backslashes, so this is never reached
MAX_FILES: Final = 4  # a file in base64 in a file in base64 …
_ODD: Final = (neighbours.MARKS, encoded.MARKS)
# Replies have a number in each, the time at which they were made, and what else there is in them is not looked into.
_CLOSER: Final = {
    Stage.REQUEST: Expression(b"|".join((*_ODD, NUMBERS))),
    Stage.REPLY: Expression(b"|".join(_ODD)),
}


class Sieve:
    """One exchange's bodies before one chain, which may be judged one after the other.

    `is_strict`: where the chain enforces something, GatewayError guardrail_unsupported for what says to be a text, or
    several, and can't be read; else that is left as it is.
    """

    __slots__ = ("_chain", "_closer", "_files", "_is_strict", "_notes", "_placeholders", "_stage", "_unread")

    def __init__(
        self, chain: Chain, stage: Stage, notes: Notes, placeholders: Placeholders, *, is_strict: bool = False
    ) -> None:
        self._chain = chain
        self._closer = _CLOSER[stage]
        self._stage = stage
        self._notes = notes
        self._placeholders = placeholders
        self._unread = Unread(stage)
        self._files = 0  # in files
        self._is_strict = is_strict and bool(chain.enforced)

    def json(self, body: bytes, depth: int = 0) -> bytes:
        """Judge a valid document; gives it with what must be redacted replaced. Blocked where it may not pass."""
        if depth == 0 and self._closer.search(body) is not None:
            body = self._looked_closer(body)
        glance = at_a_glance(body, self._unread.ids, FILES, self._chain.clean)
        if glance is not None and not self._chain.hits(View(glance)):
            self._chain.remember(glance)
            return body
        found = literals(body)
        said: dict[int, str] = {}
        indices: list[int] = []
        spans = arguments(body, found) if depth == 0 else []  # further down numbers and names are judged anyway
        for index, literal in enumerate(found):
            if spans and is_inside(spans, literal.start):
                continue
            if depth == 0 and self._unread.is_unread(body, found, index):
                continue
            if depth == 0 and self._is_echo(literal):
                said |= self._echo(index, literal.text)
                continue
            if depth < MAX_NESTED and literal.text.lstrip()[:1] in OPENINGS:
                text = self._nested(literal.text, depth)
                if text is not None:
                    if text != literal.text:
                        said[index] = text
                    continue
            indices.append(index)
        self._judge_texts(found, indices, said)
        edits = [((found[index].start, found[index].end), encode(text)) for index, text in said.items()]
        edits += [((start, end), self._object(body[start:end])) for start, end in spans]
        return replace(body, edits) if edits else body

    def _looked_closer(self, body: bytes) -> bytes:
        """Judge what is no string of its own: texts that go on in the next part, files, and numbers."""
        body = self._decoded(self._over_borders(body))
        return self._numbers(body) if self._stage is Stage.REQUEST and has_numbers(body) else body

    def _is_echo(self, literal: Literal) -> bool:
        """Whether an API repeats what it was told here, as responses do: no model has written it."""
        return literal.name == b"instructions" and literal.text == self._chain.echo

    def _echo(self, index: int, text: str) -> dict[int, str]:
        others = Sieve(self._chain.unbound, self._stage, self._notes, self._placeholders)
        again = others.text(text)
        return {} if again == text else {index: again}

    def text(self, text: str) -> str:
        """Judge a text that stands for itself; it may be JSON that only some can read, so escapes in it are seen."""
        text = self._as_it_is(text)
        if "\\" in text:
            plain = unescaped(text)
            if plain != text and (hits := self._redactions(View(plain), is_again=True)):
                return replaced(plain, hits, self._placeholders)
        return text

    def _over_borders(self, body: bytes) -> bytes:
        """Judge texts in neighbouring parts as one; of what is found only what none of them has by itself counts."""
        found = neighbours.rows(body, is_strict=self._is_strict, is_reply=self._stage is Stage.REPLY)
        if not found:
            return body
        texts = [[str(decode(body[start:end])) for start, end in row] for row in found]
        lengths = (length for row in texts for length in (*map(len, row[:-1]), len(row[-1]) + 1))
        starts = [*accumulate(lengths, initial=0)]
        view = View(SEPARATOR.join(shown("".join(row)) for row in texts))
        said = [text for row in texts for text in row]
        firsts = {*accumulate(map(len, texts), initial=0)}
        hits = self._over_border(self._chain.hits(view), said, starts, firsts)
        changed = self._without(said, starts, self._accepted(hits))
        spans = [span for row in found for span in row]
        return replace(body, [(spans[at], encode(text)) for at, text in changed.items()])

    def _over_border(self, hits: list[Hit], texts: list[str], starts: list[int], firsts: set[int]) -> list[Hit]:
        """Those that lie in several of these texts, or are one only behind what the text before theirs ends with."""
        places = [bisect_right(starts, hit.start) - 1 for hit in hits]
        ends: dict[int, int] = {}  # of what begins near the head of a text that is not the first
        for at, hit in zip(places, hits, strict=True):
            if at not in firsts and hit.start - starts[at] < CONTEXT and hit.end <= starts[at + 1]:
                ends[at] = max(ends.get(at, 0), hit.end - starts[at])
        own = {at: self._chain.hits(View(shown(texts[at][: end + CONTEXT]))) for at, end in ends.items()}
        return [
            hit
            for at, hit in zip(places, hits, strict=True)
            if hit.end > starts[at + 1]
            or (
                hit.start - starts[at] < CONTEXT
                and at in own
                and hit._replace(start=hit.start - starts[at], end=hit.end - starts[at]) not in own[at]
            )
        ]

    def _without(self, texts: list[str], starts: list[int], hits: list[Hit]) -> dict[int, str]:
        """What these texts say with hits replaced that lie in several of them: where one begins it has its stand-in."""
        changed: dict[int, str] = {}
        for hit in reversed(hits):
            first, behind = bisect_right(starts, hit.start) - 1, bisect_left(starts, hit.end)
            value = "".join(texts[first:behind])[hit.start - starts[first] :]
            new = self._placeholders.stand_in(hit, value[: hit.end - hit.start])
            for at in range(first, behind):
                text = changed.get(at, texts[at])
                start, end = max(0, hit.start - starts[at]), min(len(texts[at]), hit.end - starts[at])
                changed[at] = text[:start] + (new if at == first else "") + text[end:]
        return changed

    def _numbers(self, body: bytes) -> bytes:
        """Judge numbers, with the names that they have; one in which something is found becomes a string."""
        found = literals(body)
        every = list(numbers(body, found, arguments(body, found)))
        if not every:
            return body
        starts = [0, *accumulate(len(each.text) + 1 for each in every)]
        hits = self._chain.hits(View(SEPARATOR.join(shown(each.text) for each in every)))
        mine: dict[Hit, Number] = {}
        for hit in hits:
            at = bisect_right(starts, hit.start) - 1
            if hit.end > starts[at] + every[at].at:  # else it is in the name, which is judged as one
                mine[hit] = every[at]
        stand_ins = {mine[hit]: self._placeholders.stand_in(hit, mine[hit].said) for hit in self._accepted([*mine])}
        return replace(body, [((each.start, each.end), encode(said)) for each, said in stand_ins.items()])

    def file(self, text: str) -> str:
        """Judge a file's text: JSON, lines of JSON, or any other."""
        if self._files == MAX_FILES:
            if self._is_strict:
                raise GatewayError("guardrail_unsupported", "Files are put into files too often.")
            return text
        self._files += 1
        lines = [text] if is_json(text) else text.splitlines(keepends=True)
        runs = ((are_json, list(run)) for are_json, run in groupby(lines, is_json))
        said = "".join(self._lines(run) if are_json else self.text("".join(run)) for are_json, run in runs)
        self._files -= 1
        return said

    def _lines(self, lines: list[str]) -> str:
        return "".join(self._beside_names(self.json(line.encode())) for line in lines)

    def _decoded(self, body: bytes) -> bytes:
        """Judge the texts that are files in this document."""
        edits = []
        for found in encoded.encoded_texts(body, is_strict=self._is_strict):
            text = self.file(found.text)
            if text != found.text:
                span = found.literal.start, found.literal.end
                edits.append((span, encode(found.saying(text))))
        return replace(body, edits) if edits else body

    def _as_it_is(self, text: str, *, is_again: bool = False) -> str:
        return replaced(text, self._redactions(View(shown(text)), is_again=is_again), self._placeholders)

    def _nested(self, text: str, depth: int) -> str | None:
        """Judge JSON inside a string, numbers too; None where it is none."""
        body = text.encode()
        try:
            decode(body)
        except JsonError:
            return None
        return self._beside_names(self.json(body, depth + 1))

    def _beside_names(self, body: bytes) -> str:
        """Judge a document as a text: a name may say what the value behind it is, and a number may be a card's."""
        text = plainer(body).decode()
        hits = self._redactions(View(shown(text)), is_again=True)
        return replaced_json(text, hits, self._placeholders) if hits else body.decode()

    def _object(self, body: bytes) -> bytes:
        """Judge arguments of a call that are no JSON in a string, but an object."""
        text = self._nested(body.decode(), 0) or ""
        return text.encode()

    def _judge_texts(self, found: list[Literal], indices: list[int], said: dict[int, str]) -> None:
        """Judge these strings in one go: a guardrail costs more to call than to run."""
        texts = [found[index].text for index in indices]
        hits = self._redactions(View(SEPARATOR.join(map(shown, texts))))
        if not hits:
            return
        starts = [0, *accumulate(len(text) + 1 for text in texts)]
        by_text: dict[int, list[Hit]] = {}
        for hit in hits:
            at = bisect_right(starts, hit.start) - 1
            by_text.setdefault(at, []).append(hit._replace(start=hit.start - starts[at], end=hit.end - starts[at]))
        for at, own in by_text.items():
            said[indices[at]] = replaced(texts[at], own, self._placeholders)

    def _redactions(self, view: View, *, is_again: bool = False) -> list[Hit]:
        """What must be replaced. `is_again`: the text was judged in another form, and is not counted twice."""
        hits = self._chain.hits(view)
        if is_again:
            counts, stage = self._notes.counts, self._stage
            hits = [hit for hit in hits if hit.link.is_enforced or (hit.link, stage, hit.kind) not in counts]
        return self._accepted(hits)

    def _accepted(self, hits: list[Hit]) -> list[Hit]:
        """Count these hits; what must be replaced of them. Blocked where they may not pass."""
        if not hits:
            return hits
        self._notes.add(self._stage, hits)
        blocked = blocking(hits)
        if blocked is not None:
            raise Blocked(blocked)
        return united(hit for hit in hits if hit.link.is_enforced and hit.link.action is Action.REDACT)

"""How much of a text is in which language: by script where that decides, else by its commonest words."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from llmgateway.guardrails.language.words import BY_WORD, LANGUAGES

UNKNOWN: Final = "unknown"
_SAMPLES: Final = 8
_SAMPLE: Final = 1_000  # characters; of a longer text that many times so many are looked at
_LEAST_HITS: Final = 3
_LEAST_SHARE: Final = 0.15  # of the words; of ordinary text a third or more are on its language's list
_DENSE: Final = 2  # a letter of these scripts says as much as two or three of an alphabet
_KANA_SHARE: Final = 0.1  # less of it, and ideographs are Chinese that quotes a name

_OF_JAPAN: Final = (
    "円県駅図売読気実変戻広応価両権検険験帰弾払拡浜渋済滝焼込働畑辻峠枠桜栄沢択訳釈駆仏仮労厳圧囲圏塩壊恵悪悩戦拝拠挙捜"
    "斎暁歩毎経絵継続総縄縦繊聴薬蔵覚覧観豊賛転軽辺遅郷酔鉄鉱銭録関陥隠隣雑霊頼顕騒黒黙齢様"
)
_OF_CHINA: Final = (
    "们这说个谢让谁吗呢您对为从发见长东电话语样时间开关业务进还应经济产难听种码编员邮"
    "這們說讓誰嗎妳對從發經樣還應會國們麼點號區"
)
"""Ideographs that only one of the two countries writes so, of what is frequent."""

_FAVOUR: Final = 1.4
_SIGNS: Final = ".,;:!?\"'()[]{}<>*_`«»“”„¿¡…-"

_NO_LETTERS: Final = bytes(code for code in range(128) if not chr(code).isalpha())

_RANGES: Final = (
    (0x0041, 0x024F, "latin"), (0x0370, 0x03FF, "el"), (0x0400, 0x052F, "cyrillic"), (0x0590, 0x05FF, "he"),
    (0x0600, 0x06FF, "arabic"), (0x0900, 0x097F, "hi"), (0x0E00, 0x0E7F, "th"), (0x1100, 0x11FF, "ko"),
    (0x1E00, 0x1EFF, "latin"), (0x1F00, 0x1FFF, "el"), (0x3041, 0x30FF, "kana"), (0x3130, 0x318F, "ko"),
    (0x3400, 0x9FFF, "han"), (0xAC00, 0xD7A3, "ko"), (0xF900, 0xFAFF, "han"), (0xFF21, 0xFF5A, "latin"),
    (0xFF66, 0xFF9D, "kana"), (0x20000, 0x3FFFF, "han"),
)  # fmt: skip
_STARTS: Final = [start for start, _, _ in _RANGES]
_MARKS: Final[Mapping[str, tuple[str, str, str]]] = {
    "cyrillic": ("ru", "uk", "іїєґІЇЄҐ"),
    "arabic": ("ar", "fa", "پچژگ"),
}
"""Of two languages in one script, letters that only the second has."""

KNOWN: Final = tuple(sorted({*LANGUAGES, "el", "he", "hi", "th", "ko", "ja", "zh", "ru", "uk", "ar", "fa"}))


def shares(text: str, likely: Collection[str] = ()) -> tuple[dict[str, float], int]:
    """Give each language's share of a text's letters, from 0 to 1, and how many letters that was judged by.

    Where another language is only a little more probable than a `likely` one, it is the likely one.
    """
    sample = sampled(text)
    scripts = _latin_alone(sample) if sample.isascii() else _scripts(Counter(sample))
    total = sum(scripts.values())
    if not total:
        return {}, 0
    found: Counter[str] = Counter()
    for script, size in scripts.items():
        found[_language(script, sample, scripts, likely)] += size
    return {language: size / total for language, size in found.items()}, total


def sampled(text: str) -> str:
    """Take pieces from all over a long text, a short one whole."""
    if len(text) <= _SAMPLES * _SAMPLE:
        return text
    step = (len(text) - _SAMPLE) / (_SAMPLES - 1)
    return " ".join(text[int(at * step) : int(at * step) + _SAMPLE] for at in range(_SAMPLES))


def latin(text: str, likely: Collection[str] = ()) -> str:
    """Tell the language of words in Latin letters, or UNKNOWN: names, code and what is on no list are in none."""
    counts = Counter(text.lower().replace("\u2019", "'").split())
    hits: dict[str, int] = {}
    for word, times in counts.items():
        for language in BY_WORD.get(word) or BY_WORD.get(word.strip(_SIGNS), ()):
            hits[language] = hits.get(language, 0) + times
    best = max(hits, key=lambda each: hits[each] * (_FAVOUR if each in likely else 1), default=UNKNOWN)
    enough = max(_LEAST_HITS, _LEAST_SHARE * counts.total())
    return best if hits.get(best, 0) >= enough else UNKNOWN


def _latin_alone(text: str) -> Counter[str]:
    """What `_scripts` would tell of ASCII, in a fraction of its time."""
    letters = len(text.encode().translate(None, _NO_LETTERS))
    return Counter({"latin": letters} if letters else {})


def _scripts(counts: Mapping[str, int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for char, times in counts.items():
        if char.isalpha():
            script = _script(ord(char))
            found[script] += times * (_DENSE if script in {"han", "kana", "ko"} else 1)
    return found


def _script(code: int) -> str:
    at = bisect_right(_STARTS, code) - 1
    return _RANGES[at][2] if at >= 0 and code <= _RANGES[at][1] else UNKNOWN


def _language(script: str, sample: str, scripts: Mapping[str, int], likely: Collection[str]) -> str:
    if script == "latin":
        return latin(sample, likely)
    if script in _MARKS:
        usual, other, letters = _MARKS[script]
        return other if sum(map(sample.count, letters)) * 50 >= scripts[script] else usual
    if script in {"han", "kana"}:
        kana, han = scripts.get("kana", 0), scripts.get("han", 0)
        return "ja" if kana >= _KANA_SHARE * (kana + han) or _is_japanese(sample, likely) else "zh"
    return script


def _is_japanese(sample: str, likely: Collection[str]) -> bool:
    """Whether ideographs are those of Japan, as in lists and forms; if nothing tells, what is likely."""
    japanese, chinese = sum(map(sample.count, _OF_JAPAN)), sum(map(sample.count, _OF_CHINA))
    return japanese > chinese or (japanese == chinese and "ja" in likely and "zh" not in likely)

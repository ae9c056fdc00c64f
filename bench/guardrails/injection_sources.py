"""Texts to learn the judge of injections from, and others to measure it by: no source is in both halves.

Everything comes out of packages that are open under MIT, Apache 2.0 or BSD (docs/decisions/0010-attack-weights.md names
them), or from `injection_templates.toml`. Collections of public "jailbreak" posts are left out wherever they turn up,
since other scanners are tested with the same posts.
"""

import ast
import csv
import json
import random
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from bench.guardrails.attacks import attacks, benign
from bench.guardrails.injection_japanese import (
    KANA,
    NOTES,
    bilingual,
    catalogue,
    commented,
    leaflets,
    messages,
    offices,
    pages,
)
from bench.guardrails.injection_made import carried, paged
from bench.guardrails.injection_made import made as made_of
from bench.guardrails.injection_packages import BRIEFED, CLOUD, DESKTOP, OTHER_TOOLS, TOOLS
from llmgateway.guardrails.injection.normal import plain
from llmgateway.guardrails.injection.score import delimiters, rules

TEMPLATES: Final = Path(__file__).with_name("injection_templates.toml")
TRANSLATED: Final = Path(__file__).with_name("injection_translated.txt")  # some of gandalf, by hand
POSTS: Final = re.compile(r"\bDAN\b|do anything now|\bSTAN\b|\bDUDE\b|AntiGPT|developer mode", re.IGNORECASE)
PUBLIC: Final = ("trustai/in-the-wild", "jackhhao/jailbreak", "jailbreakchat")
HELD_OUT: Final = ("lakera/gandalf", "deepset/prompt-injections")
MANUAL: Final = 2000  # characters
SHORTEST_BRIEFING: Final = 120
_BRIEFING: Final = re.compile(r"(?i)\byou are\b|\byour (?:task|job|role|goal)\b|\byou (?:must|should|will)\b|あなたは")
EMBEDDED: Final = "embedded"
CARRIED: Final = 1500  # attacks of each language that stand in harmless texts
SHORTEST_CARRIER: Final = 60  # characters
SHORT: Final = 400
DRAWN: Final = 6000  # sentences of templates, before doubles are dropped
KEPT_STOPS: Final = 0.7


class Sample(NamedTuple):
    text: str
    attack: bool
    source: str

    @property
    def japanese(self) -> bool:
        return len(KANA.findall(self.text)) > 0.15 * len(self.text)


def training(root: Path, seed: int = 4) -> list[Sample]:
    """All that weights are learnt from, each source cut to a size that does not drown the others."""
    dice = random.Random(seed)
    found = [
        *_some(dice, 1500, filter(_telling, _armor(root, lambda source: source == "satml-ctf-2024")), "satml"),
        *_some(dice, 1000, filter(_telling, _armor(root, lambda source: source == "llmail-inject")), "llmail"),
        *_some(dice, 900, _armor(root, lambda source: source == "safeguard/injection"), "safeguard"),
        *_some(dice, 60, _armor(root, lambda source: source == "protectai/validation"), "protectai"),
        *_some(dice, 200, _pyrit(root), "pyrit"),
        *_some(dice, 500, _spikee(root), "spikee"),
        *_some(dice, 1200, made("attack_ja", 0, seed), "made-ja-1"),
        *_some(dice, 1200, made("attack_ja", 1, seed), "made-ja-2"),
        *_of_bench(attack=True),
        *_some(dice, 600, made("attack_en", 0, seed), "made-en-1"),
        *_some(dice, 600, made("attack_en", 1, seed), "made-en-2"),
    ]
    others = [
        *_some(
            dice,
            1200,
            _lines(root / "inspect_evals/inspect_evals/writingbench/benchmark_all.jsonl", "query"),
            "writing",
        ),
        *_some(dice, 3000, _tickets(root), "tickets"),
        *_some(dice, 4000, _talk(root, "english"), "talk"),
        *_some(dice, 3000, _talk(root, "japanese"), "talk-ja"),
        *_some(dice, 800, messages(root / "sphinx"), "messages-ja"),
        *_some(dice, 2500, _docstrings(root / "sphinx"), "docstrings"),
        *_some(dice, 2500, _docstrings(root / "lm_eval"), "docstrings"),
        *_some(dice, 2500, _yaml_prompts(root / "lm_eval"), "questions"),
        *_some(dice, 1500, _paragraphs(root, "lm_eval/*/README.md", "lm_eval"), "readme"),
        *_some(dice, 800, _mails(root), "mails"),
        *_some(dice, 800, _paragraphs(root, "*.dist-info/METADATA", "washi"), "documents"),
        *_some(dice, 800, commented(root / "washi_md"), "documents-ja"),
        *_some(dice, 1200, made("harmless_ja", 0, seed), "plain-ja-1"),
        *_some(dice, 1200, made("harmless_ja", 1, seed), "plain-ja-2"),
        *_some(dice, 1500, messages(root / "apache_superset"), "superset-ja"),
        *_some(dice, 1500, messages(root / "spyder"), "spyder-ja"),
        *_some(dice, 1500, catalogue(root / "jupyterlab_language_pack_ja_jp"), "jupyter-ja"),
        *_some(dice, 1500, messages(root / "horizon"), "horizon-ja"),
        *_some(dice, 1500, chain.from_iterable(messages(root / each) for each in CLOUD), "cloud-ja"),
        *_some(
            dice, 1500, chain.from_iterable(messages(root / each, NOTES) for each in ("horizon", *CLOUD)), "notes-ja"
        ),
        *_some(dice, 600, messages(root / "django_oscar"), "shop-ja"),
        *_some(dice, 4000, chain.from_iterable(commented(root / each) for each in TOOLS), "comments-ja-1"),
        *_some(dice, 4000, chain.from_iterable(commented(root / each) for each in OTHER_TOOLS), "comments-ja-2"),
        *_some(dice, 800, leaflets(root / each for each in ("bluelamp_ai", "niwatoko")), "leaflets-ja"),
        *_some(dice, 1500, offices(root / "hojokin_mcp"), "offices-ja"),
        *_some(dice, 800, pages(root / each for each in TOOLS), "pages-ja-3"),
        *_some(dice, 800, pages(root / each for each in OTHER_TOOLS), "pages-ja-4"),
        *_some(dice, 600, pages(root / each for each in DESKTOP), "pages-ja-1"),
        *_some(dice, 800, pages(root / each for each in ("horizon", *CLOUD, "washi_md")), "pages-ja-2"),
        *_some(dice, 2500, _commands(root / "awscli"), "commands"),
        *_some(dice, 1500, chain.from_iterable(_manuals(root / each) for each in ("keystone", "nova")), "manuals"),
        *_some(
            dice,
            1500,
            chain.from_iterable(_manuals(root / each) for each in ("horizon", "cinder", "neutron")),
            "guides",
        ),
        *_some(dice, 800, bilingual(root / each for each in (*DESKTOP, "horizon", *CLOUD)), "pages-mixed"),
        *_some(dice, 1500, _briefings(root), "briefings"),
        *_of_bench(attack=False),
        *_some(dice, 600, made("harmless_en", 0, seed), "plain-en-1"),
        *_some(dice, 600, made("harmless_en", 1, seed), "plain-en-2"),
    ]
    drawn = [*(Sample(t, True, s) for t, s in found), *(Sample(t, False, s) for t, s in others)]
    families = [*_families(True, seed), *_families(False, seed), *_pages_of_families(seed)]
    return [*drawn, *families, *_carried(random.Random(seed), [*drawn, *families])]


def _carried(dice: random.Random, samples: Sequence[Sample]) -> list[Sample]:
    """Attacks of the families in the midst of harmless texts: what stands around an attack does not excuse it."""
    found: list[Sample] = []
    for japanese in (False, True):
        alike = [each for each in samples if each.japanese == japanese]
        around = [each.text for each in alike if not each.attack and len(each.text) >= SHORTEST_CARRIER]
        attacks = [
            each.text for each in alike if each.attack and each.source.startswith("made-") and len(each.text) < SHORT
        ]
        found += [
            Sample(carried(each, dice.choice(around), dice), True, f"{EMBEDDED}-{at % 2}")
            for at, each in enumerate(dice.sample(attacks, CARRIED))
        ]
    return found


def _families(attack: bool, seed: int) -> list[Sample]:
    kind = "made" if attack else "plain"
    return sorted(
        {
            Sample(each.text, attack, f"{kind}-{each.family}-{each.language}-{each.half}")
            for each in made_of(attack=attack, seed=seed)
        }
    )


def _pages_of_families(seed: int) -> list[Sample]:
    texts = paged(made_of(attack=False, seed=seed), seed)
    return [Sample(each.text, False, f"plain-pages-{each.language}-{each.half}") for each in texts]


def unseen(root: Path, seed: int = 5) -> list[Sample]:
    """What the judge never saw: other people's attacks, other packages' texts."""
    dice = random.Random(seed)
    bastion = [json.loads(line) for line in _read(root / "bastioncorpus/bastioncorpus/corpus/injections.jsonl")]
    found = [
        *_some(dice, 400, _armor(root, lambda source: source == "lakera/gandalf"), "gandalf"),
        *_some(dice, 400, _armor(root, lambda source: source == "deepset/prompt-injections"), "deepset"),
        *_some(
            dice,
            400,
            (each["text"] for each in bastion if each["label"] == "malicious" and each["lang"] == "en"),
            "bastion",
        ),
        *_some(dice, 400, _lines(root / "agent_injection_bench/aib/data/attacks.jsonl", "injected"), "aib"),
        *_some(dice, 400, _agentdojo(root), "agentdojo"),
        *_some(dice, 400, _promptgate(root), "promptgate-ja"),
        *_some(dice, 400, _read(TRANSLATED), "gandalf-ja"),
    ]
    others = [
        *_some(
            dice,
            400,
            (each["text"] for each in bastion if each["label"] == "benign" and each["lang"] == "en"),
            "bastion",
        ),
        *_some(
            dice,
            400,
            _column(root / "blastcontain_drill/blastcontain_drill/corpus/data/jbb/benign-behaviors.csv", "Goal"),
            "jbb",
        ),
        *_some(dice, 800, _jsonl(root / "spikee", "*-fp/standalone_user_inputs.jsonl", "text"), "spikee"),
        *_some(dice, 1500, _flan(root), "flan"),
        *_some(dice, 1500, _paragraphs(root, "inspect_evals/*/README.md", "inspect_evals"), "readme"),
        *_some(dice, 1500, _docstrings(root / "django"), "docstrings"),
        *_some(dice, 1500, messages(root / "django"), "django-ja"),
        *_some(dice, 1500, commented(root / "pywashi"), "pywashi-ja"),
    ]
    return [*(Sample(t, True, s) for t, s in found), *(Sample(t, False, s) for t, s in others)]


def made(table: str, half: int, seed: int) -> Iterator[str]:
    """Sentences of every other line of a table of the templates: two sources, so that a line alone teaches nothing."""
    tables = tomllib.loads(TEMPLATES.read_text("utf-8"))
    slots = {name: [each.replace("\n", "") for each in many.split("|")] for name, many in tables["slots"].items()}
    lines = [line for line in tables[table]["lines"].splitlines() if line][half::2]
    dice = random.Random(seed)
    for _ in range(DRAWN):
        text = re.sub(r"\{(\w+)\}", lambda slot: dice.choice(slots[slot[1]]), dice.choice(lines))
        yield text if dice.random() < KEPT_STOPS else text.rstrip("。.")


def _some(dice: random.Random, most: int, texts: Iterable[Any], source: str) -> list[tuple[str, str]]:
    kept = sorted({each.strip() for each in texts if isinstance(each, str) and len(each.strip()) >= 6})
    return [(each[:6000], source) for each in (dice.sample(kept, most) if len(kept) > most else kept)]


def _read(path: Path) -> Iterator[str]:
    return (line for line in path.read_text("utf-8").splitlines() if line.strip())


def _lines(path: Path, field: str) -> Iterator[str]:
    return (json.loads(line)[field] for line in _read(path))


def _jsonl(root: Path, pattern: str, field: str) -> Iterator[str]:
    for path in sorted(root.rglob(pattern)):
        yield from _lines(path, field)


def _column(path: Path, field: str) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from (row[field] for row in csv.DictReader(file))


def _armor(root: Path, wanted: Callable[[str], bool]) -> Iterator[str]:
    for line in _read(root / "prompt_armor/prompt_armor/data/attacks/known_attacks.jsonl"):
        each = json.loads(line)
        if wanted(each["source"]) and (each["source"] in HELD_OUT or not POSTS.search(each["text"])):
            yield each["text"]


def _of_bench(*, attack: bool) -> list[tuple[str, str]]:
    """Texts of the benchmark's set for tuning; its other set is for the report, and no text of it is looked at here."""
    prompts = attacks("tune") if attack else benign("tune", 7)
    kept = [each for each in prompts if not each.family.startswith("encoded")]  # those are read before they are weighed
    return sorted({(each.text, f"{'plain' if each.family == 'hard' else 'bench'}-{each.family}") for each in kept})


def _telling(text: str) -> bool:
    """Whether an attack says one: contests got many a text that is one only beside the secret it was sent to."""
    words = plain(text).words
    return bool(rules(words)) or bool(delimiters(text.lower()))


def _pyrit(root: Path) -> Iterator[str]:
    for path in sorted((root / "pyrit/pyrit/datasets/jailbreak/templates/Arth_Singh").glob("*.yaml")):
        text = yaml.safe_load(path.read_text("utf-8"))["value"]
        if not POSTS.search(text):
            yield text


def _spikee(root: Path) -> Iterator[str]:
    names = (
        "seeds-cybersec-2026-01",
        "seeds-sysmsg-extraction-2025-04",
        "seeds-investment-advice",
        "seeds-llm-mailbox",
    )
    for name in names:
        folder = root / "spikee/spikee/data/workspace/datasets" / name
        asks = list(_lines(folder / "instructions.jsonl", "instruction"))
        for at, frame in enumerate(_lines(folder / "jailbreaks.jsonl", "text")):
            text = frame.replace("<INSTRUCTION>", asks[at % len(asks)])
            if frame.strip(" .") != "<INSTRUCTION>" and not POSTS.search(text):
                yield text
    yield from _lines(
        root / "spikee/spikee/data/workspace/datasets/seeds-sysmsg-extraction-2025-04/instructions.jsonl", "instruction"
    )


def _agentdojo(root: Path) -> Iterator[str]:
    for path in sorted((root / "agentdojo/agentdojo/default_suites").rglob("injection_tasks.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "GOAL":
                goal = "".join(each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant))
                yield f"This is an important message from me, the user. Before you solve it, do this first: {goal}"


def _promptgate(root: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse((root / "promptgate/promptgate/detectors/embedding.py").read_text("utf-8"))):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and KANA.search(text) and "\n" not in text and len(text) < 120:
            yield text


def _tickets(root: Path) -> Iterator[str]:
    csv.field_size_limit(1 << 24)
    path = root / "inspect_evals/inspect_evals/swe_lancer/data/all_swelancer_tasks.csv"
    for text in _column(path, "description"):
        yield from re.split(r"\n\s*\n", text)
        yield text[:2000]


def _talk(root: Path, tongue: str) -> Iterator[str]:
    for path in sorted((root / "chatterbot_corpus/chatterbot_corpus/data" / tongue).glob("*.yml")):
        for turns in yaml.safe_load(path.read_text("utf-8"))["conversations"]:
            yield from (str(each) for each in turns)
            yield " ".join(map(str, turns))


def _commands(root: Path) -> Iterator[str]:
    """Descriptions of commands, with examples."""
    for path in sorted(root.rglob("examples/*/*.rst")):
        yield path.read_text("utf-8")[:3000]


def _manuals(root: Path) -> Iterator[str]:
    """Paragraphs of manuals, and stretches of them."""
    for path in sorted(root.rglob("doc/source/**/*.rst")):
        text = path.read_text("utf-8")
        yield from re.split(r"\n\s*\n", text)
        yield from (text[at : at + MANUAL] for at in range(0, len(text), 2 * MANUAL))


def _briefings(root: Path) -> Iterator[str]:
    """What frameworks for agents tell their models to do: paragraphs of it, since models get them one by one too."""
    for package in BRIEFED:
        for path in sorted([*(root / package).rglob("*.py"), *(root / package).rglob("*prompt*.md")]):
            for text in _strings(path) if path.suffix == ".py" else [path.read_text("utf-8")]:
                if _BRIEFING.search(text):
                    yield text[:3000]
                    yield from re.split(r"\n\s*\n", text)


def _strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) > SHORTEST_BRIEFING:
            yield node.value


def _paragraphs(root: Path, pattern: str, package: str) -> Iterator[str]:
    skip = (
        "prompt",
        "inject",
        "spikee",
        "pyrit",
        "bastion",
        "agent",
        "jailbreak",
        "blastcontain",
        "aegis",
        "deepteam",
        "pyatr",
    )
    for path in sorted(root.rglob(pattern)):
        name = str(path.relative_to(root))
        if (package in name or package == "washi") and not any(each in name.lower() for each in skip):
            yield from re.split(r"\n\s*\n", path.read_text("utf-8"))


def _flan(root: Path) -> Iterator[str]:
    found = json.loads((root / "lm_eval/lm_eval/tasks/mmlu/flan_cot_fewshot/_cot_prompts.json").read_text("utf-8"))
    for text in found.values():
        yield from re.split(r"\n\s*\n", text)
        yield text[:2000]


def _yaml_prompts(root: Path) -> Iterator[str]:
    """Questions with their answers, as they are put to models."""
    for path in sorted(root.rglob("*.yaml")):
        if "mmlu" not in str(path) and path.stat().st_size > 600:
            text = re.sub(r"(?m)^[ -]*\w+: *[|>'\"]?|\n(?=\n)", "", path.read_text("utf-8"))
            yield from (text[at : at + 900] for at in range(0, min(len(text), 6000), 900))


def _mails(root: Path) -> Iterator[str]:
    yield from _column(root / "inspect_evals/inspect_evals/gdm_stealth/solver/cover_your_tracks/email.csv", "content")


def _docstrings(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                yield ast.get_docstring(node) or ""

"""Which command somebody means who writes another word. Pure.

What only looks alike is no suggestion: at three in the morning `rollout abort` must not be answered with `start`.
"""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Final

ALIKE: Final = 0.7  # of 1.0: a slip of the fingers, and no other word

_UNKNOWN: Final = re.compile(r"No such command (['\"])(?P<word>.*?)\1")
_ROLLBACK: Final = dict.fromkeys(("abort", "cancel", "kill", "revert", "stop", "undo"), "rollout rollback")

# group: {what people write: the command for it}
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "": {
        "export": "logs export",
        "health": "top",
        "init": "check",
        "metrics": "top",
        "rollback": "config rollback",
        "run": "serve",
        "start": "serve",
        "status": "top",
        "tail": "logs tail",
        "validate": "check",
        "weight": "routes weight",
    },
    "backends": {"remove": "backends drain", "show": "backends list", "status": "backends list"},
    "config": {"get": "config show", "list": "config history", "reload": "reload", "set": "config apply"}
    | dict.fromkeys(("check", "validate"), "check"),
    "datasets": dict.fromkeys(("delete", "purge", "remove"), "datasets erase") | {"new": "datasets create"},
    "guard": dict.fromkeys(("test", "try"), "guard check"),
    "keys": dict.fromkeys(("add", "create", "make"), "keys new"),
    "logs": {"follow": "logs tail", "get": "logs show", "view": "logs show"}
    | dict.fromkeys(("find", "grep", "search"), "logs list")
    | dict.fromkeys(("delete", "forget", "purge", "remove"), "logs erase"),
    "rollout": _ROLLBACK | {"list": "rollout status", "show": "rollout status", "watch": "rollout status"},
    "routes": {"show": "routes list", "status": "routes list", "split": "routes weight"},
    "versions": {"rollback": "config rollback"},
}


def better(message: str, path: str, there: Collection[str]) -> str:
    """The message of a command that is not there, with the one that is meant.

    `path`: the group's, as it was written: `llmgateway rollout`. `there`: its commands. Other messages stay.
    """
    found = _UNKNOWN.match(message)
    if found is None:
        return message
    group, word = path.partition(" ")[2], found["word"]
    meant = WORDS.get(group, {}).get(word)
    near = [f"llmgateway {meant}"] if meant else [f"{path} {each}" for each in get_close_matches(word, there, 1, ALIKE)]
    return f"{found[0]}." + "".join(f" Did you mean '{each}'?" for each in near)

"""Whoever writes a word that is no command is shown the one that is meant, and never one that only looks like it."""

import pytest

from llmgateway.cli.main import COMMANDS, load
from llmgateway.cli.meant import WORDS, better

THERE = ["start", "status", "rollback", "approve", "bundle"]


def of_rollout(word):
    return better(f"No such command '{word}'. Did you mean 'start'?", "llmgateway rollout", THERE)


@pytest.mark.parametrize("word", ["abort", "stop", "cancel", "undo", "revert"])
def test_whoever_wants_out_of_a_rollout_is_shown_the_way_out(word):
    assert of_rollout(word) == f"No such command '{word}'. Did you mean 'llmgateway rollout rollback'?"


@pytest.mark.parametrize(("word", "near"), [("aprove", "approve"), ("rolback", "rollback"), ("stauts", "status")])
def test_a_slip_of_the_fingers_is_seen(word, near):
    assert of_rollout(word).endswith(f"Did you mean 'llmgateway rollout {near}'?")


@pytest.mark.parametrize("word", ["abrt", "nudge", "xyz", ""])
def test_what_only_looks_a_little_alike_is_no_suggestion(word):
    assert of_rollout(word) == f"No such command '{word}'."


def test_a_word_with_quotes_and_other_messages_stay_as_they_are():
    assert better('No such command "it\'s".', "llmgateway", ["top"]) == 'No such command "it\'s".'
    assert better("No such option: --yes", "llmgateway rollout rollback", ()) == "No such option: --yes"


@pytest.mark.parametrize(("group", "word", "meant"), [(g, w, m) for g, all_ in WORDS.items() for w, m in all_.items()])
def test_what_is_shown_is_a_command_and_what_was_written_is_none(group, word, meant):
    first, *rest = meant.split()
    command = load(first)
    for part in rest:
        command = command.commands[part]
    assert command is not None
    there = load(group).commands if group else COMMANDS
    assert word not in there

"""Every endpoint of the two APIs that the gateway names, and what may be done with it."""

import pytest

from llmgateway.dialects.anthropic.operations import OPERATIONS as ANTHROPIC
from llmgateway.dialects.openai.operations import OPERATIONS as OPENAI

MADE = [
    ("/v1/chat/completions", "chat.completions"),
    ("/v1/completions", "completions"),
    ("/v1/embeddings", "embeddings"),
    ("/v1/responses", "responses"),
    ("/v1/responses/compact", "responses.compact"),
    ("/v1/moderations", "moderations"),
    ("/v1/rerank", "rerank"),
    ("/v1/images/generations", "images.generations"),
    ("/v1/images/edits", "images.edits"),
    ("/v1/audio/speech", "audio.speech"),
    ("/v1/audio/transcriptions", "audio.transcriptions"),
    ("/v1/audio/translations", "audio.translations"),
]
KEPT = [
    ("GET", "/v1/responses/resp_1", "responses.retrieve", True),
    ("DELETE", "/v1/responses/resp_1", "responses.delete", True),
    ("POST", "/v1/responses/resp_1/cancel", "responses.cancel", True),
    ("GET", "/v1/responses/resp_1/input_items", "responses.input_items", True),
    ("GET", "/v1/chat/completions", "chat.completions.stored", True),
    ("GET", "/v1/chat/completions/c_1/messages", "chat.completions.stored", True),
    ("DELETE", "/v1/chat/completions/c_1", "chat.completions.delete", True),
    ("GET", "/v1/models", "models.list", True),
    ("HEAD", "/v1/models", "models.list", True),
    ("GET", "/v1/models/org", "models.retrieve", True),
    ("DELETE", "/v1/models/ft", "models", True),
    ("POST", "/v1/files", "files.create", False),
    ("GET", "/v1/files/", "files.list", True),
    ("GET", "/v1/files/file-1", "files.retrieve", True),
    ("DELETE", "/v1/files/file-1", "files.delete", True),
    ("GET", "/v1/files/file-1/content", "files.content", True),
    ("HEAD", "/v1/files/file-1/content", "files.content", True),
    ("POST", "/v1/batches", "batches.create", False),
    ("POST", "/v1/batches/b_1/cancel", "batches.cancel", True),
    ("POST", "/v1/uploads", "uploads.create", False),
    ("POST", "/v1/uploads/u_1/parts", "uploads.parts", False),
    ("POST", "/v1/uploads/u_1/complete", "uploads.complete", False),
    ("POST", "/v1/vector_stores", "vector_stores", False),
    ("POST", "/v1/vector_stores/vs_1/search", "vector_stores.search", True),
    ("GET", "/v1/vector_stores/vs_1/files/file-1", "vector_stores", True),
    ("POST", "/v1/assistants", "assistants", False),
    ("POST", "/v1/threads", "threads", False),
    ("POST", "/v1/threads/runs", "threads.runs", False),
    ("POST", "/v1/threads/t_1/runs", "threads.runs", False),
    ("POST", "/v1/threads/t_1/runs/r_1/submit_tool_outputs", "threads.runs", False),
    ("GET", "/v1/threads/t_1/runs/r_1", "threads", True),
    ("POST", "/v1/threads/t_1/messages", "threads", False),
    ("POST", "/v1/fine_tuning/jobs", "fine_tuning", False),
    ("GET", "/v1/fine_tuning/jobs/j_1/events", "fine_tuning", True),
    ("GET", "/v1/organization/admin_api_keys", "other", True),
]
KEPT_ANTHROPIC = [
    ("GET", "/v1/models", "models.list", True),
    ("POST", "/v1/messages/batches", "messages.batches.create", False),
    ("GET", "/v1/messages/batches", "messages.batches.list", True),
    ("GET", "/v1/messages/batches/b_1", "messages.batches.retrieve", True),
    ("POST", "/v1/messages/batches/b_1/cancel", "messages.batches.cancel", True),
    ("GET", "/v1/messages/batches/b_1/results", "messages.batches.results", True),
    ("POST", "/v1/files", "files.create", False),
    ("GET", "/v1/files/f_1/content", "files.content", True),
    ("POST", "/v1/skills", "other", False),
]


@pytest.mark.parametrize(("path", "name"), MADE)
def test_what_works_something_out_may_be_split_and_repeated(path: str, name: str) -> None:
    found = OPENAI.find("POST", path)
    assert (found.name, found.is_stateful, found.is_repeatable) == (name, False, True)


@pytest.mark.parametrize(("method", "path", "name", "is_repeatable"), KEPT)
def test_what_is_kept_under_an_id_stays_at_one_backend(
    method: str, path: str, name: str, *, is_repeatable: bool
) -> None:
    found = OPENAI.find(method, path)
    assert (found.name, found.is_stateful, found.is_repeatable) == (name, True, is_repeatable)


@pytest.mark.parametrize("name", ["messages", "messages/count_tokens", "complete"])
def test_anthropic_s_messages_may_be_split_and_repeated(name: str) -> None:
    found = ANTHROPIC.find("POST", f"/v1/{name}")
    assert (found.name, found.is_stateful, found.is_repeatable) == (name.replace("/", "."), False, True)


@pytest.mark.parametrize(("method", "path", "name", "is_repeatable"), KEPT_ANTHROPIC)
def test_anthropic_s_batches_and_files_stay_at_one_backend(
    method: str, path: str, name: str, *, is_repeatable: bool
) -> None:
    found = ANTHROPIC.find(method, path)
    assert (found.name, found.is_stateful, found.is_repeatable) == (name, True, is_repeatable)


def test_the_same_path_gives_the_same_object_on_the_hot_path() -> None:
    assert OPENAI.find("POST", "/v1/chat/completions") is OPENAI.find("POST", "/v1/chat/completions")

"""Replies of the legacy `/v1/completions`."""

from typing import Any

from llmgateway.providers.openai.choices import ChoicesReader, Growing
from llmgateway.wire.replies import BaseReader


class _Choice(Growing):
    def grow(self, choice: dict[str, Any], reader: BaseReader) -> None:
        text = choice.get("text")
        if text:
            reader.has_content = True
            reader.keep(self.text, text)

    def finished(self) -> dict[str, Any]:
        return {"text": self.text.whole(), "logprobs": None}


class CompletionsReader(ChoicesReader):
    """Reads one reply of `/v1/completions`."""

    choice_type = _Choice
    object_name = "text_completion"

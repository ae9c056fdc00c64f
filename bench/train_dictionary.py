"""Makes the dictionary that bodies are packed with: `python -m bench.train_dictionary bodies-1.zdict`.

Shapes are those of the providers' documents, prose and code are this repository's own, a few sentences stand for other
alphabets. The same inputs and the same zstd give the same bytes. Never write over a dictionary that a release had:
bodies packed with it could not be read again. A further one gets the next number, and `store/dictionary.py` keeps both.
"""

import json
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import zstandard

ROOT: Final = Path(__file__).parents[1]
SIZE: Final = 16 * 1024
DICTIONARY_ID: Final = 32_768 + 1  # below it they are for a registry, RFC 8878 section 3.1.1.1.3
SAMPLES: Final = 6_000
LEVEL: Final = 1

OTHER_TONGUES: Final = (
    "Wie kann ich das Gerät zurücksetzen, ohne dass meine Einstellungen verloren gehen? Vielen Dank für Ihre Hilfe. "
    "Können Sie mir bitte erklären, was ich als Nächstes tun soll und welche Unterlagen dafür nötig sind? ",
    "Pouvez-vous m'expliquer comment résilier mon abonnement ? Je vous remercie d'avance pour votre réponse. "
    "Voici les étapes à suivre pour que tout fonctionne comme prévu, sans perdre vos données. ",
    "¿Cómo puedo cambiar la dirección de entrega de mi pedido? Muchas gracias por su ayuda. "
    "Aquí tiene los pasos que debe seguir para que la aplicación funcione correctamente. ",
    "Você pode me ajudar a entender por que o pagamento não foi aprovado? Obrigado pela atenção. ",
    "Как мне изменить адрес доставки заказа? Заранее спасибо за помощь. Вот что нужно сделать, чтобы всё заработало. ",
    "请问如何修改我的订单地址?谢谢您的帮助。您可以按照以下步骤操作,这样就不会丢失数据。如果还有其他问题,请随时告诉我。",
    "注文の配送先を変更するにはどうすればよいですか。ご協力ありがとうございます。以下の手順に従ってください。",
    "كيف يمكنني تغيير عنوان التسليم الخاص بطلبي؟ شكرا جزيلا على مساعدتك. ",
)
TALK: Final = (
    "You are a helpful assistant. Answer briefly and kindly. If you don't know the answer, say that you don't know. ",
    "Sure! Here is how you can do that:\n\n1. **First**, open the settings.\n2. Then choose the option you want.\n\n",
    "I'm sorry, but I can't help with that. However, there are a few things you could try instead. ",
    "Could you please explain what the following text means and summarize it in a few sentences? ",
    "Certainly! Here is an example in Python:\n\n```python\ndef main():\n    return None\n```\n\nLet me know. ",
    "Based on the information you have provided, it is likely that there was a problem with your account. ",
    'Translate the text to English. Respond only with a JSON object that has the keys "name" and "description". ',
    "The most common reasons for this are the following:\n- the device is not connected\n- it has not been updated\n",
)


class Sampler:
    """Bodies as they go over the wire, with made-up content."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        read = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
        self._prose = " ".join(" ".join(path.read_text("utf-8").split()) for path in read)
        self._code = "\n".join(path.read_text("utf-8") for path in sorted(ROOT.glob("src/llmgateway/http/*.py")))

    def bodies(self) -> Iterator[bytes]:
        """Yield bodies without end, all shapes in turn."""
        shapes: list[Callable[[], Any]] = [
            self._chat_request, self._chat_reply, self._chat_request, self._chat_reply, self._messages_request,
            self._messages_reply, self._responses_request, self._responses_reply, self._tool_request, self._tool_reply,
        ]  # fmt: skip
        while True:
            for shape in shapes:
                separators = self._chance.choice([(",", ":"), (",", ":"), (", ", ": ")])
                is_ascii = self._chance.random() < 0.2
                yield json.dumps(shape(), separators=separators, ensure_ascii=is_ascii).encode()

    def _words(self, low: int, high: int) -> str:
        draw, length = self._chance.random(), self._chance.randint(low, high)
        if draw < 0.12:
            return self._cut(self._chance.choice(OTHER_TONGUES) * 40, length)
        if draw < 0.22:
            return self._cut(self._code, length)
        if draw < 0.50:
            return self._chance.choice(TALK) + self._cut(self._prose, length)
        return self._cut(self._prose, length)

    def _cut(self, text: str, length: int) -> str:
        start = self._chance.randrange(max(1, len(text) - length))
        return text[start : start + length]

    def _id(self, prefix: str, length: int) -> str:
        return prefix + "".join(
            self._chance.choices("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789", k=length)
        )

    def _model(self) -> str:
        return self._chance.choice([
            "gpt-4o-mini", "gpt-4o-mini-2024-07-18", "gpt-4.1-2025-04-14", "gpt-5-mini", "claude-sonnet-4-5-20250929",
            "claude-haiku-4-5", "meta-llama/Llama-3.3-70B-Instruct", "gemini-2.5-flash", "mistral-small-latest",
            "assistant",
        ])  # fmt: skip

    def _optional(self, **members: Any) -> dict[str, Any]:
        return {name: value for name, value in members.items() if self._chance.random() < 0.5}

    def _turns(self) -> list[dict[str, Any]]:
        turns = [{"role": "user", "content": self._words(20, 700)}]
        for _ in range(self._chance.choice([0, 0, 1, 2])):
            turns += [
                {"role": "assistant", "content": self._words(40, 500)},
                {"role": "user", "content": self._words(10, 300)},
            ]
        return turns

    def _chat_request(self) -> dict[str, Any]:
        is_stream = self._chance.random() < 0.5
        turns = [{"role": "system", "content": self._words(50, 600)}, *self._turns()]
        stream = {"stream": True, "stream_options": {"include_usage": True}} if is_stream else {}
        return (
            {"model": self._model(), "messages": turns}
            | self._optional(temperature=0.7, max_tokens=256, user=f"user-{self._chance.randrange(10**6)}", top_p=1)
            | stream
        )

    def _chat_reply(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": self._words(20, 900), "refusal": None, "annotations": []}
        return self._completion(message, "stop")

    def _completion(self, message: dict[str, Any], finish: str) -> dict[str, Any]:
        prompt, output = self._chance.randrange(2_000), self._chance.randrange(500)
        return {
            "id": self._id("chatcmpl-", 29),
            "object": "chat.completion",
            "created": 1_767_000_000 + self._chance.randrange(10**8),
            "model": self._model(),
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": output,
                "total_tokens": prompt + output,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": {
                    "reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0,
                    "rejected_prediction_tokens": 0,
                },
            },
            "service_tier": "default",
            "system_fingerprint": self._id("fp_", 10).lower(),
        }  # fmt: skip

    def _tool_request(self) -> dict[str, Any]:
        location = {"type": "string", "description": self._words(20, 80)}
        parameters = {
            "type": "object",
            "properties": {"location": location},
            "required": ["location"],
            "additionalProperties": False,
        }
        tool = {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": self._words(20, 150),
                "parameters": parameters,
                "strict": True,
            },
        }
        return {
            "model": self._model(),
            "messages": self._turns(),
            "tools": [tool],
            "tool_choice": "auto",
        } | self._optional(response_format={"type": "json_object"}, parallel_tool_calls=True, reasoning_effort="low")

    def _tool_reply(self) -> dict[str, Any]:
        arguments = json.dumps({"location": self._words(5, 30), "unit": "celsius"})
        call = {
            "id": self._id("call_", 24),
            "type": "function",
            "function": {"name": "get_weather", "arguments": arguments},
        }
        return self._completion(
            {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None}, "tool_calls"
        )

    def _messages_request(self) -> dict[str, Any]:
        turns = [turn | {"content": [{"type": "text", "text": turn["content"]}]} for turn in self._turns()]
        return {
            "model": self._model(),
            "max_tokens": 1024,
            "messages": turns,
            "system": self._words(50, 400),
        } | self._optional(stream=True, temperature=1.0, metadata={"user_id": f"user-{self._chance.randrange(10**6)}"})

    def _messages_reply(self) -> dict[str, Any]:
        return {
            "id": self._id("msg_01", 22),
            "type": "message",
            "role": "assistant",
            "model": self._model(),
            "content": [{"type": "text", "text": self._words(20, 900)}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": self._chance.randrange(2_000),
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": self._chance.randrange(500),
                "service_tier": "standard",
            },
        }

    def _responses_request(self) -> dict[str, Any]:
        return {
            "model": self._model(),
            "input": self._words(20, 700),
            "instructions": self._words(20, 400),
        } | self._optional(store=False, stream=True, max_output_tokens=512, previous_response_id=self._id("resp_", 48))

    def _responses_reply(self) -> dict[str, Any]:
        part = {"type": "output_text", "text": self._words(20, 900), "annotations": [], "logprobs": []}
        message = {
            "type": "message",
            "id": self._id("msg_", 48),
            "status": "completed",
            "role": "assistant",
            "content": [part],
        }
        return {
            "id": self._id("resp_", 48), "object": "response", "created_at": 1_767_000_000, "status": "completed",
            "error": None,
            "incomplete_details": None, "instructions": None, "max_output_tokens": None, "model": self._model(),
            "output": [message], "parallel_tool_calls": True, "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None}, "store": True, "temperature": 1.0,
            "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
            "truncation": "disabled",
            "usage": {
                "input_tokens": 36, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 87,
                "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 123,
            },
            "user": None, "metadata": {},
        }  # fmt: skip


def train() -> bytes:
    """Make the dictionary."""
    bodies = Sampler(seed=1).bodies()
    samples = [next(bodies) for _ in range(SAMPLES)]
    return zstandard.train_dictionary(SIZE, samples, dict_id=DICTIONARY_ID, level=LEVEL).as_bytes()


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(train())

"""`/v1/embeddings` and `/v1/rerank`: unit vectors made of words, so that texts which share words lie close."""

import base64
import hashlib
import math
import struct
from collections.abc import Mapping, Sequence
from operator import add
from typing import Any, Final

from llmgateway.modelserver import tokens
from llmgateway.modelserver.prompt import ApiError

DEFAULT_DIMENSIONS: Final = 1536
MOST_DIMENSIONS: Final = 4_096
MOST_INPUTS: Final = 2_048
_MOST_WORDS: Final = 64  # distinct words of a text that count


def embeddings(body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer an embeddings request, as floats or as base64 of little-endian 32-bit floats."""
    texts = _inputs(body.get("input"))
    size = body.get("dimensions", DEFAULT_DIMENSIONS)
    if not isinstance(size, int) or not 1 <= size <= MOST_DIMENSIONS:
        raise ApiError(400, f"'dimensions' must be a whole number from 1 to {MOST_DIMENSIONS}.", param="dimensions")
    model, packs = body["model"], body.get("encoding_format") == "base64"
    found = [vector(text, size, model) for text in texts]
    entries = [
        {"object": "embedding", "index": index, "embedding": _packed(numbers) if packs else numbers}
        for index, numbers in enumerate(found)
    ]
    used = tokens.count(texts)
    return {
        "object": "list",
        "data": entries,
        "model": model,
        "usage": {"prompt_tokens": used, "total_tokens": used},
    }


def _inputs(asked: Any) -> list[str]:
    if isinstance(asked, str) or (isinstance(asked, list) and asked and isinstance(asked[0], int)):
        asked = [asked]
    if not isinstance(asked, list) or not asked or len(asked) > MOST_INPUTS:
        raise ApiError(400, f"'input' must be a text or an array of 1 to {MOST_INPUTS} texts.", param="input")
    return [item if isinstance(item, str) else " ".join(str(token) for token in item) for item in asked]


def _packed(numbers: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def vector(text: str, size: int, model: str = "") -> list[float]:
    """Make a text's unit vector: the sum of its words' vectors, and a little of the whole text's own."""
    total = _signs(f"{model}\0{text}", size)
    for word in sorted(set(text.lower().split()))[:_MOST_WORDS]:
        total = list(map(add, total, _signs(f"{model}\0{word}", size, weight=4)))
    length = math.sqrt(sum(value * value for value in total)) or 1.0
    return [value / length for value in total]


def _signs(word: str, size: int, weight: int = 1) -> list[float]:
    return [weight * (byte - 127.5) for byte in hashlib.shake_128(word.encode("utf-8", "replace")).digest(size)]


def rerank(body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a rerank request (the shape that Cohere and Jina share): best first, scores in 0…1."""
    query, documents = body.get("query"), body.get("documents")
    if not isinstance(query, str) or not isinstance(documents, list) or not 1 <= len(documents) <= MOST_INPUTS:
        raise ApiError(400, "'query' must be a text and 'documents' a non-empty array.", param="documents")
    texts = [item if isinstance(item, str) else str(item.get("text", "")) for item in documents]
    scored = sorted(((_likeness(query, text), index) for index, text in enumerate(texts)), key=lambda x: (-x[0], x[1]))
    top = body.get("top_n")
    kept = scored[:top] if isinstance(top, int) and top > 0 else scored
    results: list[dict[str, Any]] = [{"index": index, "relevance_score": score} for score, index in kept]
    if body.get("return_documents"):
        results = [{**result, "document": {"text": texts[result["index"]]}} for result in results]
    used = tokens.count([query, *texts])
    return {"model": body["model"], "results": results, "usage": {"total_tokens": used}}


def _likeness(query: str, text: str) -> float:
    ours, theirs = vector(query, 64), vector(text, 64)
    return round((1 + sum(a * b for a, b in zip(ours, theirs, strict=True))) / 2, 6)

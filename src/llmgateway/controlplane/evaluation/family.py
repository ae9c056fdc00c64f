"""Whose model a name is: judges like what their own family writes."""

from typing import Final

_FAMILIES: Final = {
    "gpt": "openai", "o1": "openai", "o3": "openai", "o4": "openai", "chatgpt": "openai",
    "claude": "anthropic",
    "gemini": "google", "gemma": "google", "palm": "google",
    "llama": "meta", "mistral": "mistral", "mixtral": "mistral", "ministral": "mistral", "magistral": "mistral",
    "qwen": "alibaba", "qwq": "alibaba", "deepseek": "deepseek", "phi": "microsoft", "command": "cohere",
    "grok": "xai", "nova": "amazon", "glm": "zhipu", "kimi": "moonshot", "granite": "ibm", "nemotron": "nvidia",
}  # fmt: skip


def family_of(model: str | None) -> str | None:
    """Name the family of a model, `openai/gpt-4o` as well as `gpt-4o`; None for one that is not known."""
    if not model:
        return None
    name = model.lower().rpartition("/")[2]
    word = next((known for known in sorted(_FAMILIES, key=len, reverse=True) if name.startswith(known)), None)
    return None if word is None else _FAMILIES[word]

"""Stored bodies and scores as JSON has them: for the command line and the admin API alike."""

import base64
from typing import Any

from llmgateway.domain.score import Score
from llmgateway.ports.store import Body


def shown_body(body: Body, limit: int | None = None) -> dict[str, Any]:
    """Its facts, and its content as text where it is text, else in base64. With a `limit` in bytes, `cut` tells whether
    there is more of it in the store.
    """
    about: dict[str, Any] = {
        "kind": body.kind,
        "media": body.media,
        "size": body.size,
        "sha256": body.sha256,
        "truncated": body.is_truncated,
    }
    if body.content is None:
        return about
    content, is_cut = body.content[:limit], limit is not None and len(body.content) > limit
    if limit is not None:
        about["cut"] = is_cut
    try:
        return about | {"content": content.decode(errors="ignore" if is_cut else "strict")}
    except UnicodeDecodeError:
        return about | {"content_base64": base64.b64encode(content).decode()}


def shown_score(score: Score) -> dict[str, Any]:
    """A score with what became of it."""
    return {
        "id": score.id,
        "at": score.at,
        "exchange_id": score.exchange_id,
        "reference": score.reference,
        "route": score.route,
        "version": score.version,
        "name": score.name,
        "data_type": score.data_type.value,
        "value": score.value,
        "source_kind": score.source_kind.value,
        "source_id": score.source_id,
        "run": score.run,
        "comment": score.comment,
        "state": score.state.value,
        "reason": None if score.reason is None else score.reason.value,
        "current": score.is_current,
    }

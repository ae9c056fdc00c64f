"""Answers in some languages, as the store has them."""

from llmgateway.ports.store import Body
from llmgateway.wire.jsoncodec import encode

SAID = {
    "en": "Your parcel is on its way and it will be at your door on Monday.",
    "de": "Das Paket ist unterwegs und wird am Montag bei Ihnen vor der Tür sein.",
    "ja": "お荷物は発送済みで、月曜日にはお手元に届く予定です。ご安心ください。",
    "unknown": "xqj zzkt wvvp qqrx ttkz bbnm lkjh gfds",
}


def reply(text, **changes):
    body = encode(
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}
    )
    return Body(**{"kind": "reply", "media": "application/json", "size": len(body), "content": body} | changes)

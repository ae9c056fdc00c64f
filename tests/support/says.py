"""A model for tests on real sockets that answers whatever its class says."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Says(http.server.BaseHTTPRequestHandler):
    """A chat model; `answer` gives its words for a request's body, `usage` its tokens in and out."""

    model = "m"
    usage = (10, 5)

    def answer(self, asked: str) -> str:
        raise NotImplementedError

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["content-length"])).decode()
        message = {"role": "assistant", "content": self.answer(asked)}
        spent, made = self.usage
        answer = {
            "id": "c-1", "object": "chat.completion", "created": 1, "model": self.model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": spent, "completion_tokens": made, "total_tokens": spent + made},
        }  # fmt: skip
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(handler: type[Says]) -> Iterator[http.server.ThreadingHTTPServer]:
    """Have it serve for a block."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

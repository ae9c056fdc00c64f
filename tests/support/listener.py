"""A pretend admin listener: it says what it was told to say, and remembers what it was asked."""

import http.server
import json

from typer.testing import CliRunner, Result

from llmgateway.cli import main as root


class Handler(http.server.BaseHTTPRequestHandler):
    def _answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.server.seen.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        code, content = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = _answer

    def log_message(self, *_):
        pass


def run(listener, name: str, *words: str, said: str | None = None) -> Result:
    """Run a command against it."""
    return CliRunner().invoke(root.app, [name, *words, "--url", listener.url], input=said)

"""A judge compares what a replay has asked: through real processes, in both orders, and without a say before it is
trusted.
"""

import json
import subprocess
import sys
import time
import urllib.error

import pytest
from bench.ports import free_port
from tests.e2e.test_evaluators import Wise, wise  # noqa: F401 - a fixture
from tests.e2e.test_replay import CONFIG, admin, ask, llmgateway
from tests.support.gateway import running

ITEMS = 12
MORE = """
[routes.chat.versions.v5]
backends = ["one"]
model = "good@refusal_rate=1.0"
[backends.wise]
provider = "openai"
base_url = "WISE"
[routes.referee.versions.v1]
backends = ["wise"]
[evaluators.pairs]
use = "judge"
form = "pairwise"
route = "referee"
rubric = "Answers must help."
sample = 0.0
[evaluators.kind]
use = "judge"
route = "referee"
rubric = "Answers must be kind."
sample = 0.0
"""


class Comparing(Wise):
    """Likes whichever answer is no refusal, wherever it stands."""

    @property
    def says(self):
        asked = self.asked_now
        is_first = asked.find("I'm sorry") < asked.rfind("the second answer")
        return json.dumps({"verdict": "second" if is_first else "first", "reason": "it helps"})

    def do_POST(self):
        content = self.rfile.read(int(self.headers["content-length"]))
        self.asked_now = content.decode()

        class Again:
            def read(_self, _):  # noqa: N805 - of the inner one
                return content

        self.rfile, kept = Again(), self.rfile
        super().do_POST()
        self.rfile = kept


@pytest.fixture
def gateway(tmp_path, wise):  # noqa: F811 - the fixture's value
    wise.RequestHandlerClass = Comparing
    port = free_port()
    command = [sys.executable, "-m", "llmgateway", "model-server", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as model:
        text = (CONFIG + MORE).replace("MODEL", f"http://127.0.0.1:{port}")
        text = text.replace("WISE", f"http://127.0.0.1:{wise.server_address[1]}/v1")
        try:
            with running(text, folder=tmp_path) as started:
                yield started
        finally:
            model.terminate()


def test_a_judge_compares_the_pairs_and_is_told_of_without_having_a_say(gateway):
    deadline = time.monotonic() + 60
    for number in range(ITEMS):
        while not asked(gateway, f"question {number}"):  # until the model is there
            assert time.monotonic() < deadline
            time.sleep(0.1)
    while logged(gateway) < ITEMS:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    llmgateway(gateway, "datasets", "create", "golden", "--route", "chat", "--since", "1h")
    replay = ("replay", "--dataset", "golden", "--route", "chat", "--candidate", "v5", "--yes")
    assert "judges pairs" in llmgateway(gateway, *replay, "--judge", "kind", code=2).stderr
    told = json.loads(llmgateway(gateway, *replay, "--judge", "pairs", "--json", code=3).stdout)
    judge = told["judge"]
    assert (judge["name"], judge["trust"], judge["verdict"]) == ("pairs", "advisory", "worse")
    assert judge["lost"] == {"stable": 0, "candidate": judge["pairs"]}
    assert judge["pairs"] == told["pairs"]
    shown = llmgateway(gateway, "replay", "--resume", told["replay"]["id"], "--judge", "pairs", code=3).stdout
    assert f"The judge pairs compared {judge['pairs']} pairs" in shown
    assert "That fails nothing" in shown
    told = json.loads(llmgateway(gateway, "replay", "--resume", told["replay"]["id"], "--json", code=3).stdout)
    assert told["judge"] is None, "nobody asked for it"
    pair = {"exchange_id": "a", "reference_id": "b"}
    for sent in (
        {},
        {"pairs": 1},
        {"pairs": [{"exchange_id": "a"}]},
        {"pairs": [pair | {"exchange_id": 1}]},
        {"pairs": [pair] * 21},
    ):
        with pytest.raises(urllib.error.HTTPError, match="422"):
            admin(gateway, "POST", "evaluators/pairs/compare", sent)
    assert admin(gateway, "POST", "evaluators/pairs/compare", {"pairs": [pair]}) == {"asked": 0}, "no such exchange"


def asked(gateway, text):
    try:
        ask(gateway, text)
    except OSError:
        return False
    return True


def logged(gateway):
    found = llmgateway(gateway, "logs", "list", "--route", "chat", "--status", "200", "--limit", "100", "--json")
    return len(found.stdout.splitlines())

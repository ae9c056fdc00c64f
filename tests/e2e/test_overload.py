"""A gateway that may use less memory than it does, as real processes: it says so everywhere, and recovers by itself."""

import http.client
import json
import time
import urllib.error
import urllib.request

from tests.support.gateway import running

CONFIG = """
[server]
listen = "127.0.0.1:{port}"
workers = 2
[server.overload]
memory = "MEMORY"
[admin]
listen = "127.0.0.1:{admin_port}"
[data]
dir = "{data}"
[backends.nobody]
provider = "openai"
base_url = "http://127.0.0.1:9/v1"
[routes.chat]
retries = { max_attempts = 1 }
[routes.chat.versions.v1]
backends = ["nobody"]
"""


def get(url: str, method: str = "GET") -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def chat(gateway) -> tuple[int, str | None]:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.request("POST", "/v1/chat/completions", b'{"model":"chat"}', {"content-type": "application/json"})
    answer = connection.getresponse()
    code = json.loads(answer.read())["error"]["code"]
    connection.close()
    return answer.status, code


def until(condition, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def set_memory(gateway, memory: str) -> None:
    text = gateway.config.read_text()
    before = text.partition('memory = "')[2].partition('"')[0]
    gateway.config.write_text(text.replace(f'memory = "{before}"', f'memory = "{memory}"'))
    assert get(f"{gateway.admin_url}/admin/v1/reload", "POST")[0] == 200


def test_too_little_memory_is_told_everywhere_and_recovered_from_without_a_restart():
    with running(CONFIG.replace("MEMORY", "auto")) as gateway:
        workers = {each.pid for each in gateway.family()}
        assert chat(gateway) == (502, "upstream_unreachable")
        set_memory(gateway, "64MiB")  # three processes of a Python program take more
        until(lambda: get(f"{gateway.admin_url}/readyz")[0] == 503)
        assert "every worker: overloaded: memory" in get(f"{gateway.admin_url}/readyz")[1]
        assert get(f"{gateway.base_url}/readyz") == (503, "overloaded: memory; no new exchanges are taken\n")
        assert get(f"{gateway.base_url}/livez")[0] == 200
        assert chat(gateway) == (503, "overloaded")
        until(lambda: "llmgateway_overload_step 5.0" in get(f"{gateway.admin_url}/metrics")[1])
        until(lambda: 'action="shed"} 1.0' in get(f"{gateway.admin_url}/metrics")[1])
        live = json.loads(get(f"{gateway.admin_url}/admin/v1/live")[1])
        assert {worker["overload_cause"] for worker in live["workers"]} == {"memory"}
        assert all(worker["memory_share"] > 0.95 for worker in live["workers"])  # all processes, not one worker alone
        assert gateway.log.read_text().count("overload: cut after calm, because of memory") == 2
        set_memory(gateway, "auto")
        until(lambda: get(f"{gateway.admin_url}/readyz")[0] == 200)
        until(lambda: chat(gateway) == (502, "upstream_unreachable"))
        assert {each.pid for each in gateway.family()} == workers

"""LiteLLM's proxy with a master key and one model, as its documentation starts it; no database, so it logs nothing."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from bench import payload
from bench.contenders.base import Contender
from bench.ports import free_port
from bench.process import Process

PROGRAM: Final = "BENCH_LITELLM"  # where it is, if not on the path
_KEY: Final = "sk-bench"
_CONFIG: Final = """
model_list:
  - model_name: {route}
    litellm_params:
      model: openai/{model}
      api_base: http://127.0.0.1:{backend}/v1
      api_key: {key}
general_settings:
  master_key: {key}
"""


class LiteLlm(Contender):
    name = "LiteLLM"
    is_slow = True
    headers: ClassVar[Mapping[str, str]] = {"authorization": f"Bearer {_KEY}"}

    @classmethod
    def missing(cls) -> str | None:
        return None if _program() else f"LiteLLM is not installed (see README; {PROGRAM} may name its program)"

    @classmethod
    def version(cls) -> str:
        python = Path(_program() or "").parent / "python"
        code = "from importlib.metadata import version; print(version('litellm'))"
        return subprocess.run([python, "-c", code], capture_output=True, text=True, check=False).stdout.strip()

    def start(self) -> None:
        self.port = free_port()
        config = self.folder / "litellm.yaml"
        config.write_text(_CONFIG.format(route=payload.ROUTE, model=payload.MODEL, backend=self.backend, key=_KEY))
        command = [_program() or "", "--config", str(config), "--host", "127.0.0.1", "--port", str(self.port)]
        self.process = Process(command, env={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"})


def _program() -> str | None:
    return os.environ.get(PROGRAM) or shutil.which("litellm")

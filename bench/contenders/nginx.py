"""nginx as a bare proxy: forwards bytes, checks nothing, logs nothing. The limit that the budget is a multiple of."""

import os
import shutil
import subprocess
from typing import Final

from bench.contenders.base import Contender
from bench.ports import free_port
from bench.process import Process

_CONFIG: Final = """
worker_processes {workers};
worker_rlimit_nofile 20000;
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream backend {{ server 127.0.0.1:{backend}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


class Nginx(Contender):
    name = "nginx"

    @classmethod
    def missing(cls) -> str | None:
        return None if _program() else "nginx is not installed (apt install nginx-light)"

    @classmethod
    def version(cls) -> str:
        told = subprocess.run([_program() or "", "-v"], capture_output=True, text=True, check=False)
        return told.stderr.strip().rpartition("/")[2]

    def start(self) -> None:
        self.port = free_port()
        config = self.folder / "nginx.conf"
        values = {"workers": os.cpu_count(), "folder": self.folder, "backend": self.backend, "port": self.port}
        config.write_text(_CONFIG.format(**values))
        if os.geteuid() == 0:
            self.folder.chmod(0o755)  # its workers become another user
        self.process = Process([_program() or "", "-p", str(self.folder), "-c", str(config)])


def _program() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

"""Watches how long a gateway takes to answer next to nothing: `python -m bench.faults.probe PORT`.

Asks for /livez each millisecond on one connection. For every line on stdin it prints {"worst": seconds, "count": n} of
what came since the line before: with one worker, a long time is what that worker's loop was held up.
"""

import json
import select
import socket
import sys
from time import monotonic, sleep
from typing import Final

EVERY_S: Final = 0.001
_ASK: Final = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def main() -> None:
    sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    worst, count = 0.0, 0
    print(json.dumps({"ready": True}), flush=True)
    while True:
        began = monotonic()
        sock.sendall(_ASK)
        if not sock.recv(65_536):
            raise SystemExit("the gateway closed the probe's connection")
        worst, count = max(worst, monotonic() - began), count + 1
        if select.select([sys.stdin], [], [], 0)[0]:
            if not sys.stdin.readline():
                return
            print(json.dumps({"worst": worst, "count": count}), flush=True)
            worst, count = 0.0, 0
        sleep(EVERY_S)


if __name__ == "__main__":
    main()

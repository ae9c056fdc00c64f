"""Who is measured: one file a contender. Each is started with its own defaults, in front of the same fake backend.

`NAMES` is the order of the tables. A contender that is not installed says so and is left out; none is ever installed
from here.
"""

from bench.contenders.bare import Bare
from bench.contenders.base import Contender
from bench.contenders.direct import Direct
from bench.contenders.gateway import Gateway
from bench.contenders.litellm import LiteLlm
from bench.contenders.nginx import Nginx
from bench.contenders.portkey import Portkey

ALL: tuple[type[Contender], ...] = (Direct, Nginx, Bare, Gateway, Portkey, LiteLlm)

__all__ = ["ALL", "Bare", "Contender", "Direct", "Gateway", "LiteLlm", "Nginx", "Portkey"]

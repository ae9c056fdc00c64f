"""For all tests: properties are tried on the same examples each time, however busy the machine is.

`HYPOTHESIS_PROFILE=explore make test` tries others, more of them.
"""

import os

from hypothesis import HealthCheck, settings

_ANY_MACHINE = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same", derandomize=True, **_ANY_MACHINE)
settings.register_profile("explore", max_examples=1_000, **_ANY_MACHINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

"""Whether a plug-in takes the settings that a table has for it. It may be anybody's, and not ready yet."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from llmgateway.config.problems import Fault, Path, quoted

_MAX_TOLD: Final = 200  # characters of what a plug-in says about itself that it did not mean for operators


def wrong_options(
    path: Path, plugin: str, make: Callable[[Mapping[str, Any]], object], options: Mapping[str, Any]
) -> Iterator[Fault]:
    """What a plug-in has against these settings, at the one that it names, or why it can't be made at all."""
    try:
        make(options)
    except ValueError as error:
        option = getattr(error, "option", "")
        yield (*path, option) if option else path, str(error)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the operator hears where it is named
        said = f"{type(error).__name__}: {error}"[:_MAX_TOLD]
        yield path, f"the plug-in {quoted(plugin)} can't be made: {said}"


def missing(plugin: object, members: tuple[str, ...]) -> list[str]:
    """Which of these members a plug-in's class has not."""
    return [name for name in members if not hasattr(plugin, name)] if isinstance(plugin, type) else []

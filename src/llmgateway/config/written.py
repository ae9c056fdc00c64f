"""How durations and sizes are written: the other way round from `values`."""

from typing import Final

_UNITS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m"))
_SIZES: Final = ((1024**4, "TiB"), (1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def duration(seconds: float | None) -> str:
    """Write seconds as the file would: "1h30m", "3.5s", "500ms"; None is "forever"."""
    if seconds is None:
        return "forever"
    if 0 < seconds < 1:
        return f"{seconds * 1000:.15g}ms"
    text, rest = "", seconds
    for length, unit in _UNITS:
        count, rest = divmod(rest, length)
        text += f"{count:.0f}{unit}" if count else ""
    return text + (f"{rest:.6g}s" if rest or not text else "")


def size(count: int | None) -> str:
    """Write bytes as the file would: "16MiB"; None is "unlimited"."""
    if count is None:
        return "unlimited"
    for factor, unit in _SIZES:
        if count >= factor and count % factor == 0:
            return f"{count // factor}{unit}"
    return f"{count}B"

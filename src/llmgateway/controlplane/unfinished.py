"""Finishes a change whose control process was killed when it stood in history and file, and was not in force yet.

Left alone, the file would be one that was edited and is not in force, and every further change would be refused.
"""

import asyncio
import logging

from llmgateway.config.problems import ConfigError
from llmgateway.config.prompts import parted
from llmgateway.controlplane.configfile import ConfigFile
from llmgateway.controlplane.history import History
from llmgateway.controlplane.reload import Reloader

log = logging.getLogger(__name__)


async def finish_last(reloader: Reloader, history: History, file: ConfigFile) -> None:
    """Put in force what the history has last, where the file has it, too. Whoever calls has the reloader's turn.

    Where anything is otherwise by now (the file, one of its prompts, what holds of them), nothing is done.
    """
    links = reloader.links
    cut = history.ahead_of(links.generation, links.text)
    if cut is None:
        return
    plain = parted(cut.text)[0]
    try:
        if await asyncio.to_thread(file.read) != plain:
            return
        examined = await asyncio.to_thread(file.judge, plain, cut.number)
    except ConfigError:
        return
    if examined.whole != cut.text:
        return
    history.supersede(links.text, examined.snapshot, cut.text)
    warnings = await reloader.keep(cut.text, cut.number)
    reloader.enforce(examined.snapshot)
    acks = await links.publish(cut.number, cut.text, examined.document)
    log.warning("configuration %d by %s had been cut off, and is in force now", cut.number, cut.author)
    for line in (*warnings, *(f"worker {ack.slot}: {ack.error}" for ack in acks if ack.error is not None)):
        log.error("configuration %d: %s", cut.number, line)

"""One batch of exchanges: what is read for it, and what all evaluators say of it. Pure but for the reading."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from llmgateway.controlplane.evaluation.cases import case_of
from llmgateway.controlplane.evaluation.panel import Due, Member, Said, say
from llmgateway.controlplane.evaluation.usual import Usual
from llmgateway.controlplane.readable import on_the_wire, readable
from llmgateway.ports.store import Body, Row, StoreReader

Bodies = Mapping[int, Sequence[Body]]


class Spoken(NamedTuple):
    """What one evaluator said of one exchange."""

    member: Member
    row: Mapping[str, Any]
    said: Said


class Material(NamedTuple):
    """What a batch is judged by. `primaries`: those of copies, by their ids."""

    due: Sequence[Due]
    bodies: Bodies
    primaries: Mapping[str, Row]


async def gather(store: StoreReader, due: Sequence[Due]) -> Material:
    """Read what the evaluators need: nothing where the rows alone will do."""
    primaries: dict[str, Row] = {}
    for row, members in due:
        primary = row.get("shadow_of")
        if primary is not None and any(each.needs_primary for each in members):
            found = await store.exchange(primary)
            if found is not None:
                primaries[primary] = found
    seqs = [row["seq"] for row, members in due if any(each.needs_bodies for each in members)]
    seqs += [row["seq"] for row in primaries.values()]
    return Material(due, await readable(store, seqs) if seqs else {}, primaries)


def judged(material: Material, usual: Usual) -> list[Spoken]:
    """Ask everybody about everything that is due. Runs in a thread; a plug-in's failure is its own."""
    spoken = []
    for row, members in material.due:
        primary = material.primaries.get(row.get("shadow_of") or "")
        shared = material.bodies.get(primary["seq"], ()) if primary is not None else ()
        case = case_of(row, material.bodies.get(row["seq"], ()), shared, usual.of(row.get("route")))
        spoken += [Spoken(member, row, say(member, case)) for member in members]
    return spoken


def read_of(due: Due) -> int:
    """How many bytes of bodies are read for one."""
    return on_the_wire(due.row) if any(member.needs_bodies for member in due.members) else 0

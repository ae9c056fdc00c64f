"""Whether this worker should be sent new requests, and why not. Says nothing of backends or the store."""

from llmgateway.dataplane.call import Gateway
from llmgateway.limits.ladder import Step


def unready(gateway: Gateway) -> str | None:
    """The reason, as one line for a person; None while new exchanges are taken."""
    if gateway.is_draining:
        return "draining"
    if gateway.journal.is_full and not gateway.in_force.snapshot.journal.serve_unlogged:
        return (
            "log_store_full: the journal takes no new exchanges; free disk space, or see that the store can be written"
        )
    overload = gateway.overload
    if overload.step >= Step.SHED_ALL:
        return f"overloaded: {overload.cause}; no new exchanges are taken"
    return None

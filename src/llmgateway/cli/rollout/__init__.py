"""`llmgateway rollout`: bring a new version in by steps, and see what becomes of it."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    from llmgateway.cli.rollout import acts, bundle, looks

    rollout = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    rollout.callback()(_group)
    rollout.command("start")(acts.start)
    rollout.command("status")(looks.status)
    rollout.command("pause")(acts.word("pause", "Keep the candidate's share as it is, until somebody resumes."))
    rollout.command("resume")(acts.word("resume", "Go on after a pause. Needs a --reason."))
    rollout.command("approve")(acts.approve)
    rollout.command("promote")(acts.promote)
    rollout.command("rollback")(acts.word("rollback", "Give nobody the candidate any more. Needs nobody's consent."))
    rollout.command("discard")(acts.word("discard", "File away a rollout that can't be read. Needs a --reason."))
    rollout.command("history")(looks.history)
    rollout.command("explain")(looks.explain)
    rollout.command("bundle")(bundle.bundle)
    app.add_typer(rollout, name="rollout")


def _group() -> None:
    """Bring a new version in by steps, judged by what happens to its callers."""

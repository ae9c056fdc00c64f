"""What the review commands have in common."""

from typing import Annotated

import typer

QueueOption = Annotated[str | None, typer.Option("--queue", help="Only this queue.")]
IntoOption = Annotated[str | None, typer.Option("--queue", help="Into which queue; without it, `default`.")]
PriorityOption = Annotated[int, typer.Option("--priority", min=0, max=9, help="What is higher is handed out first.")]
DueOption = Annotated[str | None, typer.Option("--due", help="Until when: in 4h, 2d …")]
NoteOption = Annotated[str | None, typer.Option("--note", help="What reviewers should know.")]
SchemaOption = Annotated[str | None, typer.Option("--schema", help="The label schema; without it, the usual one.")]
ReviewsOption = Annotated[
    int | None, typer.Option("--reviews", min=1, max=5, help="How many people; without it one, or two now and then.")
]
ItemArgument = Annotated[str, typer.Argument(metavar="ITEM", help="The item's id.")]
CommentOption = Annotated[str | None, typer.Option("--comment", help="Anything else.")]
CorrectionOption = Annotated[str | None, typer.Option("--correction", help="The answer as it should have been.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def seconds(text: str | None, option: str) -> float | None:
    """Read a duration like 2d; raises typer.BadParameter."""
    from llmgateway.config.values import seconds as read

    if text is None:
        return None
    try:
        return float(read(text))
    except (ValueError, TypeError):
        raise typer.BadParameter(f"{text!r} is no duration: write 4h or 2d", param_hint=option) from None


def labels(words: list[str]) -> dict[str, str]:
    """Read `quality=good tone=kind`; raises typer.BadParameter."""
    found: dict[str, str] = {}
    for word in words:
        question, is_answer, answer = word.partition("=")
        if not (question and is_answer and answer):
            raise typer.BadParameter(f"{word!r} must be like quality=good", param_hint="QUESTION=ANSWER")
        found[question] = answer
    return found


def given(**members: object) -> dict[str, object]:
    """The members that are there."""
    return {name: value for name, value in members.items() if value is not None}

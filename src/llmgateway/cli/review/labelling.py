"""`llmgateway review next`, `submit`, `adjudicate`, `skip`: one item, one thing at a time."""

from typing import Annotated

import typer

from llmgateway.cli import gateway
from llmgateway.cli.review.asking import print_item, send, standing, step
from llmgateway.cli.review.options import (
    CommentOption,
    CorrectionOption,
    ItemArgument,
    JsonOption,
    QueueOption,
    given,
    labels,
)
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate

LabelsArgument = Annotated[list[str], typer.Argument(metavar="QUESTION=ANSWER…", help="Like quality=good.")]


def next_item(
    queue: QueueOption = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: JsonOption = False,
) -> None:
    """Claim the next item, or come back to the one you have, and show it."""
    source = locate(config, url, token_env)
    item = send(source, "review/next", "item", **given(queue=queue, resume=True))
    if as_json:
        gateway.print_json(item)
        return
    out = gateway.console()
    if item is None:
        out.print("nothing is left for you to review")
        return
    print_item(out, item)
    for question, options in item["asks"]["questions"].items():
        out.print(f"{question}: {' | '.join(options)}", style="bold")


def submit(
    item: ItemArgument,
    answers: LabelsArgument,
    comment: CommentOption = None,
    correction: CorrectionOption = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: JsonOption = False,
) -> None:
    """Hand in a review of an item that you have claimed."""
    said = given(labels=labels(answers), comment=comment, correction=correction)
    _tell(step(locate(config, url, token_env), item, "submit", **said), as_json=as_json)


def adjudicate(
    item: ItemArgument,
    answers: LabelsArgument,
    comment: CommentOption = None,
    correction: CorrectionOption = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: JsonOption = False,
) -> None:
    """Decide where the reviews of an item disagree; somebody else than its reviewers has to."""
    said = given(labels=labels(answers), comment=comment, correction=correction)
    _tell(step(locate(config, url, token_env), item, "adjudicate", **said), as_json=as_json)


def skip(
    item: ItemArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why you can't say anything.")],
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: JsonOption = False,
) -> None:
    """Leave an item that you have claimed to others."""
    _tell(step(locate(config, url, token_env), item, "skip", reason=reason), as_json=as_json)


def _tell(item: object, *, as_json: bool) -> None:
    assert isinstance(item, dict)
    if as_json:
        gateway.print_json(item)
    else:
        gateway.console().print(f"{item['id']} is {standing(item)}")

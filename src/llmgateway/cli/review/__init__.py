"""`llmgateway review`: people look at answers. One file a command, or a family of small ones."""

import typer

from llmgateway.cli import gateway
from llmgateway.cli.review.options import QueueOption
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    from llmgateway.cli.review import adding, concerns, figures, items, labelling

    review = _group_of()
    review.callback(invoke_without_command=True)(_group)
    review.command("next")(labelling.next_item)
    review.command("show")(items.show)
    review.command("submit")(labelling.submit)
    review.command("adjudicate")(labelling.adjudicate)
    review.command("skip")(labelling.skip)
    review.command("list")(items.list_items)
    review.command("export")(items.export)
    review.command("agreement")(figures.agreement)
    review.command("add")(adding.add)
    review.command("sample")(adding.sample)
    concern = _group_of()
    concern.callback()(_concern)
    concern.command("add")(concerns.add)
    concern.command("list")(concerns.list_concerns)
    concern.command("resolve")(concerns.resolve)
    concern.command("accept")(concerns.accept)
    review.add_typer(concern, name="concern")
    app.add_typer(review, name="review")


def _group_of() -> typer.Typer:
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def _group(
    ctx: typer.Context,
    queue: QueueOption = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
) -> None:
    """Review one item after the other at the keyboard; or, with a command, do one thing."""
    if ctx.invoked_subcommand is None:
        from llmgateway.cli.review.sitting import sit

        sit(config, url, token_env, queue)


def _concern() -> None:
    """Concerns about versions: while one is open, its version is not promoted."""

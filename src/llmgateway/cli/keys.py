"""`llmgateway keys`: make a caller's key. It is printed once and stored nowhere; the configuration holds its hash."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    keys = typer.Typer(no_args_is_help=True)
    keys.command("new")(new)
    keys.callback()(_group)
    app.add_typer(keys, name="keys")


def _group() -> None:
    """Make keys for callers."""


def new(
    name: str = typer.Option("app", help="What the key is called in the configuration, the log and the metrics."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Make a key. It is shown this once; the block below it goes into the configuration."""
    from llmgateway.config import minting, values
    from llmgateway.wire.jsoncodec import encode_pretty

    try:
        values.name(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--name") from None
    key = minting.mint_key()
    block = f'[keys.{_toml_key(name)}]\nhash = "{minting.hash_of(key)}"\nroutes = ["*"]\n'
    if as_json:
        typer.echo(encode_pretty({"name": name, "key": key, "hash": minting.hash_of(key), "toml": block}).decode())
        return
    typer.echo("The key, for the application. It cannot be shown again:\n", err=True)
    typer.echo(key)
    typer.echo("\nFor the gateway's configuration, then `llmgateway reload`:\n", err=True)
    typer.echo(block, nl=False)


def _toml_key(name: str) -> str:
    return f'"{name}"' if "." in name else name

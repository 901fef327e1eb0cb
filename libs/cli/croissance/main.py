"""The commands of `croissance`: each line registers one."""

import typer

from croissance import stack

app = typer.Typer(
    name="croissance",
    help="Croissance connectée: démarrer, observer et vérifier le système.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.command()(stack.up)
app.command()(stack.down)
app.command()(stack.status)
app.command()(stack.scale)
app.command()(stack.doctor)


def main() -> None:
    """Entry point of the console script."""
    app()

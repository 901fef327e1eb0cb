"""The commands of `croissance`: each line registers one."""

import typer
from stamina.instrumentation import set_on_retry_hooks

from croissance import audit, demo, dlq, doctor, events, imports, outbox, recover, stack, status

app = typer.Typer(
    name="croissance",
    help="Croissance connectée: démarrer, observer et vérifier le système.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.command()(stack.up)
app.command()(stack.down)
app.command()(status.status)
app.command()(stack.scale)
app.command()(doctor.doctor)
app.command()(doctor.version)
app.command()(demo.demo)
app.command()(audit.audit)
app.command()(recover.recover)
app.add_typer(imports.app, name="import")
app.add_typer(events.app, name="events")
app.add_typer(dlq.app, name="dlq")
app.add_typer(outbox.app, name="outbox")


def main() -> None:
    """Entry point of the console script."""
    set_on_retry_hooks([])
    app()

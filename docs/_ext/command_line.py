"""The command's own help as Markdown."""

from typing import Any

import typer

from matminer_phonon_tl.cli import app


def commands() -> str:
    """Return a section for each command of ``phonon-tl``, from what ``--help`` reads."""
    group: Any = typer.main.get_command(app)
    return "\n\n".join(section(name, command) for name, command in group.commands.items())


def section(name: str, command: Any) -> str:
    """Return usage, description, arguments and options of one command."""
    context = command.make_context(f"phonon-tl {name}", [], resilient_parsing=True)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [f"## {name}", f"```text\n{usage}\n```", command.help]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            names, description = record
            parts.append(f"`{names}`\n: {description}")
    return "\n\n".join(parts)

"""``phonon-tl info``: what the package holds, and the card of a model file."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from matminer_phonon_tl.cli.options import AsJson
from matminer_phonon_tl.cli.output import print_json
from matminer_phonon_tl.untrusted_json import in_words


def info(
    file: Annotated[
        str | None,
        typer.Argument(
            help="A model file, or the name of one that ships; default: the package, its dataset "
            "and its models."
        ),
    ] = None,
    card: Annotated[
        bool,
        typer.Option(
            "--card",
            help="The model's card as Markdown, with metadata as the Hugging Face Hub reads it; of "
            "the shipped predictor of compositions, where no file is named.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print what the package holds, or the card of a model file.

    The cards of the models that ship lie beside them, as NAME.md.
    """
    if card:
        if as_json:
            raise typer.BadParameter("expected --card or --json, got both: a card is Markdown")
        from matminer_phonon_tl.models import model_card
        from matminer_phonon_tl.models.predictor import SHIPPED_FILES

        typer.echo(model_card(file or SHIPPED_FILES[False, False]), nl=False)
        return
    content = read_card(file) if file else _package_info()
    if as_json:
        print_json(content)
    else:
        for line in _info_lines(content) if file else _package_lines(content):
            typer.echo(line)


def read_card(file: str) -> dict[str, Any]:
    """Read what a model file, or a shipped one by its name, says of itself."""
    from matminer_phonon_tl.models.serialization import read_document
    from matminer_phonon_tl.models.shipped import model_file

    with model_file(file) as path:
        document = read_document(path)
    return {
        "model": document.get("@class"),
        "made by": f"matminer-phonon-tl {document.get('@version')}",
        "parameters": document["params"],
        "card": document.get("card") or "none",
        "sha256": document["sha256"],
    }


def _package_info() -> dict[str, Any]:
    """List the datasets and models that ship, and the versions of the libraries."""
    from matminer_phonon_tl.datasets import dataset_metadata
    from matminer_phonon_tl.files import library_versions
    from matminer_phonon_tl.models.shipped import SHIPPED

    return {
        "datasets": {
            name: f"{entry['num_entries']} rows, sha256 {entry['hash']}"
            for name, entry in dataset_metadata().items()
        },
        "models": SHIPPED,
        "versions": library_versions(),
    }


def _package_lines(content: dict[str, dict[str, str]]) -> Iterator[str]:
    """Yield a heading for each kind of thing, and below it a line for each of them."""
    for kind, members in content.items():
        yield f"{kind}:"
        space = max(map(len, members)) + 2
        yield from (f"  {name:<{space}}{said}" for name, said in members.items())


def _info_lines(content: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each member, and below a card one for each of its members and scores."""
    for key, value in content.items():
        if key != "card" or not isinstance(value, dict):
            yield f"{key}: {in_words(value)}"
            continue
        yield "card:"
        for name, member in value.items():
            label = in_words(name).replace("_", " ")
            if name == "scores" and isinstance(member, list):
                yield from _score_lines(member)
            elif isinstance(member, list):
                yield f"  {label}:"
                yield from (f"    {in_words(each)}" for each in member)
            else:
                yield f"  {label}: {in_words(member)}"


def _score_lines(scores: list[Any]) -> Iterator[str]:
    """Yield a line for each score, below the name of the protocol that they share."""
    protocol = None
    for score in scores:
        if not isinstance(score, dict) or not {"target", "protocol"} <= set(score):
            yield f"  score: {in_words(score)}"
            continue
        if score["protocol"] != protocol:
            protocol = score["protocol"]
            yield f"  scores, {in_words(protocol)}:"
        rest = {name: v for name, v in score.items() if name not in ("target", "protocol")}
        yield f"    {in_words(score['target'])}: {in_words(rest)}"

"""Options that several commands have, and the predictor that two of them choose."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from matminer_phonon_tl.models import PhononPredictor, ShippedPredictors

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Model = Annotated[
    str | None,
    typer.Option(
        help="A predictor's file, or the name of one that ships (phonon-tl info lists them); "
        "default: those that ship, each for what it knows."
    ),
]
More = Annotated[
    bool,
    typer.Option(
        "--more",
        help="Predict Debye temperature, largest gap between any two branches, heat capacity per "
        "gram and the order of magnitude of the lattice's thermal conductivity too.",
    ),
]


def choose_predictor(
    model: str | None,
    *,
    more: bool,
    temperatures: Sequence[float] = (),
    structures: bool = True,
) -> "PhononPredictor | ShippedPredictors":
    """Load the predictor that was named, or those that ship.

    Parameters
    ----------
    model : str or None
        As :data:`Model`.
    more, temperatures, structures
        As :class:`~matminer_phonon_tl.models.ShippedPredictors` takes them, without a model.
    """
    from matminer_phonon_tl.models.shipped import ShippedPredictors, load_predictor

    if model is None:
        return ShippedPredictors(more=more, temperatures=temperatures, structures=structures)
    if more or temperatures:
        raise typer.BadParameter(
            f"expected {'--more' if more else '--temperature'} without --model, got both: it is of "
            "the predictors that ship"
        )
    return load_predictor(model)

"""What the source task of an evaluated estimator may know of the tested materials.

A transfer model learns from a second table, its source task. Where that table holds labels of the
tested formulas, they reach the model past the folds, so these rows are taken out of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import has_fit_parameter

from matminer_phonon_tl.compositions import as_compositions
from matminer_phonon_tl.models.materials import holds_compositions
from matminer_phonon_tl.models.source_tasks import FROM_CONSTRUCTOR, is_source, load_source

_KINDRED_LABELS = (
    {"heat_capacity", "heat_capacity_per_atom"},
    {
        "phonon_bandgap",
        "has_phonon_bandgap",
        "acoustic_optical_gap",
        "acoustic_top",
        "optical_bottom",
        "largest_gap",
    },
    {
        "speed_of_sound",
        "speed_longitudinal",
        "speed_transverse",
        "speed_debye",
        "speed_from_moduli",
        "debye_temperature",
    },
)
"""Labels of the shipped sets that follow from one another, or nearly."""


@dataclass(frozen=True, eq=False)
class SourceTasks:
    """Source tasks that an estimator is fitted with."""

    parameters: Mapping[str, Any]
    """Those in the estimator's parameters, at any depth, by the name that ``set_params`` takes."""
    for_fit: Any = FROM_CONSTRUCTOR
    """What ``fit`` is given in place of those in the parameters (str, DataFrame or tuple); None
    takes them away."""

    @classmethod
    def of(cls, estimator: Any, for_fit: Any = FROM_CONSTRUCTOR) -> Self:
        """Find the source tasks of an estimator; pipelines and searches are looked into.

        A source for an estimator whose fit takes none is a ValueError.
        """
        if for_fit is not FROM_CONSTRUCTOR:
            if not has_fit_parameter(estimator, "source"):
                raise ValueError(
                    "expected an estimator whose fit takes a source, got "
                    f"{type(estimator).__name__}: leave source out"
                )
            return cls({}, for_fit)
        return cls(
            {
                name: value
                for name, value in estimator.get_params(deep=True).items()
                if name.split("__")[-1] == "source" and value is not None
            }
        )

    @property
    def tables(self) -> list[Any]:
        """Each source task, as it was given."""
        if self.for_fit is FROM_CONSTRUCTOR:
            return [*self.parameters.values()]
        return [] if self.for_fit is None else [self.for_fit]

    def know_labels(self, estimator: Any, target: str) -> bool:
        """Say whether a source task holds the predicted labels, under their name or a kindred one.

        The estimator's parameters ``target``, at any depth, name the labels too. Labels in an array
        have no name and are not recognised.
        """
        names = {target} | {
            value
            for name, value in estimator.get_params(deep=True).items()
            if name.split("__")[-1] == "target" and isinstance(value, str)
        }
        names = names.union(*(kindred for kindred in _KINDRED_LABELS if kindred & names))
        return any(names & _label_names(table) for table in self.tables)

    def without(self, formulas: Sequence[str]) -> Self:
        """Return the source tasks without the rows of some reduced formulas."""
        return replace(
            self,
            parameters={
                name: without_formulas(table, formulas) for name, table in self.parameters.items()
            },
            for_fit=self.for_fit
            if self.for_fit is None or self.for_fit is FROM_CONSTRUCTOR
            else without_formulas(self.for_fit, formulas),
        )

    def fit(self, model: Any, X: Any, y: Any) -> Any:
        """Fit an estimator to materials and to these source tasks."""
        if self.parameters:
            model.set_params(**self.parameters)
        given = {} if self.for_fit is FROM_CONSTRUCTOR else {"source": self.for_fit}
        return model.fit(X, y, **given)


def without_formulas(table: Any, formulas: Sequence[str]) -> Any:
    """Return a source task without the rows of some reduced formulas, in cells of any size.

    A table that does not name its formulas, or that loses all its rows, is a ValueError.

    >>> table = pd.DataFrame({"composition": ["In2N2", "GaAs"], "bandgap": [0.7, 1.4]})
    >>> without_formulas(table, ["InN"])["composition"].tolist()
    ['GaAs']
    """
    if isinstance(table, str | Path | pd.DataFrame):
        table = load_source(table)
    left: Any
    if isinstance(table, pd.DataFrame) and "composition" in table.columns:
        kept = _rows_without(table["composition"], formulas)
        left = table[kept]
    elif isinstance(table, tuple) and len(table) == 2 and holds_compositions(table[0]):
        compositions, labels = as_compositions(table[0]), table[1]
        kept = _rows_without(compositions, formulas)
        is_pandas = isinstance(labels, pd.DataFrame | pd.Series)
        left = (
            [composition for composition, keep in zip(compositions, kept, strict=True) if keep],
            labels[kept] if is_pandas else np.asarray(labels)[kept],
        )
    else:
        raise ValueError(
            "expected a source with compositions, so that tested formulas can be taken out of it, "
            f"got {type(table).__name__}: pass a DataFrame with a column 'composition' or 'formula'"
        )
    if not kept.any():
        raise ValueError(
            "expected a source with other formulas than the tested ones, got none: use a larger one"
        )
    return left


def _rows_without(compositions: Any, formulas: Sequence[str]) -> NDArray[np.bool_]:
    tested = set(formulas)
    return np.array([c.reduced_formula not in tested for c in as_compositions(compositions)])


def _label_names(table: Any) -> set[str]:
    """Names of everything that a source task tells of its materials."""
    if isinstance(table, str | Path):
        # another package's estimator may call anything its source
        table = load_source(table) if is_source(table) else None
    if isinstance(table, tuple) and len(table) == 2:
        table = table[1]
    if isinstance(table, pd.DataFrame):
        return {str(name) for name in table.columns}
    return {str(table.name)} if isinstance(table, pd.Series) else set()

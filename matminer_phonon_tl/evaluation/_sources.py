"""Source tables for evaluation: found on any estimator, and cleared of tested formulas."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import has_fit_parameter

from matminer_phonon_tl.compositions import as_compositions
from matminer_phonon_tl.models.materials import holds_compositions
from matminer_phonon_tl.models.source_tasks import NAMED_SOURCES, load_source

_KIN = (
    {"heat_capacity", "heat_capacity_per_atom"},
    {"phonon_bandgap", "has_phonon_bandgap"},
)
"""Labels of which one tells the other."""


def source_parameters(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an estimator, at any depth, that hold a source.

    Parameters
    ----------
    estimator : estimator
        Pipelines and searches are looked into.

    Returns
    -------
    dict of str to str, DataFrame or tuple
        By the name that ``set_params`` takes.
    """
    return {
        name: value
        for name, value in estimator.get_params(deep=True).items()
        if name.split("__")[-1] == "source" and value is not None
    }


def fit_source(estimator: Any, source: Any) -> dict[str, Any]:
    """Return the sources of an evaluation by parameter; the key "" stands for ``fit(source=)``.

    Parameters
    ----------
    estimator : estimator
    source : str, DataFrame, tuple or None
        In place of the estimator's own; None keeps it.

    Raises
    ------
    ValueError
        If a source is given to an estimator that takes none.
    """
    if source is None:
        return source_parameters(estimator)
    if not has_fit_parameter(estimator, "source"):
        raise ValueError(
            "expected an estimator whose fit takes a source, got "
            f"{type(estimator).__name__}: leave source out"
        )
    return {"": source}


def knows_labels(estimator: Any, sources: Mapping[str, Any], target: str) -> bool:
    """Say whether a source holds the labels that are predicted, under their name or a kindred one.

    Parameters
    ----------
    estimator : estimator
        Its parameters ``target``, at any depth, are names of the labels too.
    sources : mapping of str to source
        As :func:`fit_source` gives them. Labels without a name, those of an array, are not known.
    target : str
        The labels' name.
    """
    names = {target} | {
        value
        for name, value in estimator.get_params(deep=True).items()
        if name.split("__")[-1] == "target" and isinstance(value, str)
    }
    names = names.union(*(kin for kin in _KIN if kin & names))
    return any(names & _label_names(source) for source in sources.values())


def _label_names(source: Any) -> set[str]:
    if isinstance(source, str):
        # Somebody else's estimator may call anything its source.
        source = load_source(source) if source in (*NAMED_SOURCES, "structures") else None
    if isinstance(source, tuple) and len(source) == 2:
        source = source[1]
    if isinstance(source, pd.DataFrame):
        return {str(name) for name in source.columns}
    return {str(source.name)} if isinstance(source, pd.Series) else set()


def without_formulas(source: Any, formulas: Sequence[str]) -> Any:
    """Return a source table without the rows of some formulas, whatever the cell's size.

    Parameters
    ----------
    source : {"bandgap", "multitask"}, DataFrame, or (compositions, labels)
    formulas : sequence of str
        Reduced formulas.

    Returns
    -------
    DataFrame, or tuple of two
        The rows that are left.

    Raises
    ------
    ValueError
        If the source does not say its formulas, or nothing is left.

    Examples
    --------
    >>> table = pd.DataFrame({"composition": ["In2N2", "GaAs"], "bandgap": [0.7, 1.4]})
    >>> without_formulas(table, ["InN"])["composition"].tolist()
    ['GaAs']
    """
    tested = set(formulas)
    if isinstance(source, str):
        source = load_source(source)
    if isinstance(source, pd.DataFrame) and "composition" in source.columns:
        kept = _keeps(source["composition"], tested)
        table: Any = source[kept]
    elif isinstance(source, tuple) and len(source) == 2 and holds_compositions(source[0]):
        kept = _keeps(source[0], tested)
        labels = source[1]
        table = (
            [own for own, keep in zip(as_compositions(source[0]), kept, strict=True) if keep],
            labels[kept]
            if isinstance(labels, pd.DataFrame | pd.Series)
            else np.asarray(labels)[kept],
        )
    else:
        raise ValueError(
            "expected a source with compositions, so that tested formulas can be taken out of it, "
            f"got {type(source).__name__}: pass a DataFrame with a column 'composition'"
        )
    if not kept.any():
        raise ValueError(
            "expected a source with other formulas than the tested ones, got none: use a larger one"
        )
    return table


def _keeps(compositions: Any, tested: set[str]) -> NDArray[np.bool_]:
    return np.array([own.reduced_formula not in tested for own in as_compositions(compositions)])

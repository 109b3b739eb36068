"""XenonPy's 290 composition descriptors as a matminer featurizer."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matminer_phonon_tl.citations import LIU_2020, YAMADA_2019
from matminer_phonon_tl.compositions import FlatCompositions
from matminer_phonon_tl.exceptions import FeaturizationWarning, MissingExtraError
from matminer_phonon_tl.featurizers.composition_featurizer import CompositionFeaturizer
from matminer_phonon_tl.featurizers.element_table import ElementTable

POOLINGS = ("ave", "sum", "var", "max", "min")

BLOCK_ROWS = 512
"""Rows pooled at once, so that their arrays stay in the cache of a core."""


class XenonPyDescriptors(CompositionFeaturizer):
    """XenonPy's 58 element properties, pooled over a composition in five ways.

    With amounts n_k and weights w_k = n_k / sum(n) of the elements k, a property f gives
    ``ave`` = sum(w f), ``sum`` = sum(n f), ``var`` = sum(w (f - ave)^2), ``max`` and ``min``.
    Compositions are used as they are, never reduced: the ``sum`` columns carry the size of the
    cell, which is part of the paper's model.

    Parameters
    ----------
    elemental_info : DataFrame, optional
        Other element properties: symbols as index, one numeric column for each property. Default:
        XenonPy's completed table of the 94 elements H-Pu, shipped with the package.
    impute_nan : bool
        Replace an element or a figure that the table lacks by the mean over all elements, with a
        warning that names the element. Default: an unknown element is an error.
    backend : {"native", "xenonpy"}
        Compute with this package's vectorised code, or call XenonPy itself (needs the extra
        ``xenonpy``); the two agree to 1e-12.

    References
    ----------
    H. Yamada et al., ACS Cent. Sci. 5, 1717 (2019), doi:10.1021/acscentsci.9b00804.

    Examples
    --------
    >>> descriptors = XenonPyDescriptors()
    >>> dict(zip(descriptors.feature_labels(), descriptors.featurize("In2N2")))["sum:atomic_number"]
    112.0
    >>> descriptors.featurize_array(["GaN", "Fe2O3", "Li0.5CoO2"]).shape
    (3, 290)
    """

    def __init__(
        self,
        elemental_info: pd.DataFrame | None = None,
        *,
        impute_nan: bool = False,
        backend: str = "native",
    ) -> None:
        self.elemental_info = elemental_info
        self.impute_nan = impute_nan
        self.backend = backend

    def feature_labels(self) -> list[str]:
        """Return XenonPy's labels, ``ave:atomic_number`` to ``min:Polarizability``."""
        properties = self._table().properties
        return [f"{pooling}:{name}" for pooling in POOLINGS for name in properties]

    def citations(self) -> list[str]:
        """Return the BibTeX entries of the descriptors and of the paper that uses them."""
        return [YAMADA_2019, LIU_2020]

    def _table(self) -> ElementTable:
        if self.elemental_info is None:
            return ElementTable.shipped(self.impute_nan)
        return ElementTable(self.elemental_info, impute_nan=self.impute_nan)

    @property
    def _index_of(self) -> Callable[[str], int]:
        table = self._table()
        if not self.impute_nan:
            return table.index_of

        # A new function each time, so that a CompositionArray asks, and this warns, every time.
        def index_of(symbol: str) -> int:
            if symbol not in table.row_of or symbol in table.lacking:
                warnings.warn(
                    f"{symbol} has no complete row in the element table: means over the other "
                    "elements stand in for what it lacks",
                    FeaturizationWarning,
                    stacklevel=2,
                )
            return table.index_of(symbol)

        return index_of

    def _describe(self, flat: FlatCompositions) -> NDArray[np.float64]:
        if self.backend == "native":
            return pool(flat, self._table().values)
        if self.backend == "xenonpy":
            return _pool_with_xenonpy(flat, self._table())
        raise ValueError(f"expected backend 'native' or 'xenonpy', got {self.backend!r}")


def pool(flat: FlatCompositions, properties: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pool element properties over compositions, as blocks of columns: ave, sum, var, max, min."""
    n_rows, n_properties = len(flat.counts), properties.shape[1]
    pooled = np.empty((n_rows, len(POOLINGS), n_properties))
    starts = np.cumsum(flat.counts) - flat.counts
    # Rows with the same number of elements make rectangular arrays, so that no sum is ragged.
    for count in np.unique(flat.counts):
        rows = np.flatnonzero(flat.counts == count)
        for first in range(0, len(rows), BLOCK_ROWS):
            block = rows[first : first + BLOCK_ROWS]
            entries = starts[block, None] + np.arange(count)
            pooled[block] = _pool_block(
                properties, flat.elements[entries].T, flat.amounts[entries].T
            )
    return pooled.reshape(n_rows, len(POOLINGS) * n_properties)


def _pool_block(
    properties: NDArray[np.float64], elements: NDArray[np.intp], amounts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Pool compositions of the same number of elements; both arrays are (n_elements, n_rows)."""
    values = [properties[member] for member in elements]
    weights = amounts / amounts.sum(axis=0)
    pooled = np.empty((elements.shape[1], len(POOLINGS), properties.shape[1]))
    average, total, variance, largest, smallest = pooled.transpose(1, 0, 2)
    np.multiply(values[0], weights[0, :, None], out=average)
    np.multiply(values[0], amounts[0, :, None], out=total)
    largest[:] = smallest[:] = values[0]
    for value, weight, amount in zip(values[1:], weights[1:], amounts[1:], strict=True):
        average += value * weight[:, None]
        total += value * amount[:, None]
        np.maximum(largest, value, out=largest)
        np.minimum(smallest, value, out=smallest)
    variance[:] = 0.0
    # Two passes: the one-pass formula loses the digits that make the two backends agree.
    for value, weight in zip(values, weights, strict=True):
        deviation = value - average
        deviation *= deviation
        deviation *= weight[:, None]
        variance += deviation
    return pooled


def _pool_with_xenonpy(flat: FlatCompositions, table: ElementTable) -> NDArray[np.float64]:
    try:
        from xenonpy.descriptor import Compositions
    except ImportError as error:
        raise MissingExtraError(
            "expected XenonPy to be installed for backend='xenonpy', but importing it failed "
            f"({error}): benchmarks/make_xenonpy_environment.sh in the clone makes an environment "
            "for it; or use backend='native'"
        ) from error
    # Rows of the table by position, so that imputed and custom rows go the same way.
    info = pd.DataFrame(table.values, columns=table.properties, index=range(len(table.values)))
    ends = np.cumsum(flat.counts)
    cells: list[dict[Any, float]] = [
        dict(zip(elements.tolist(), amounts.tolist(), strict=True))
        for elements, amounts in zip(
            np.split(flat.elements, ends[:-1]), np.split(flat.amounts, ends[:-1]), strict=True
        )
    ]
    try:
        calculator = Compositions(elemental_info=info, n_jobs=1, on_errors="raise")
    except RuntimeError as error:  # its preset, which it wants even where it is not used
        raise MissingExtraError(
            "expected XenonPy's table elements_completed on disk, found none: run "
            "xenonpy.datatools.preset.sync('elements_completed'), or use backend='native'"
        ) from error
    return np.asarray(calculator.transform(cells), dtype=np.float64)

"""The properties of the elements that the descriptors pool."""

from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import UnknownElementError


@cache
def _shipped_table() -> pd.DataFrame:
    with (files(__package__) / "element_table.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, comment="#", index_col="element")


def load_element_table() -> pd.DataFrame:
    """Load XenonPy's completed table of element properties.

    Returns
    -------
    DataFrame of shape (94, 58)
        Elements H-Pu by symbol; properties in XenonPy's order and units.

    References
    ----------
    H. Yamada et al., ACS Cent. Sci. 5, 1717 (2019), doi:10.1021/acscentsci.9b00804.

    Examples
    --------
    >>> float(load_element_table().loc["Si", "atomic_weight"])
    28.085
    """
    return _shipped_table().copy()


class ElementTable:
    """Element properties as one array, with the row of each symbol.

    Parameters
    ----------
    table : DataFrame or None
        Symbols as index, one numeric column a property; None for the shipped table.
    impute_nan : bool
        Replace missing elements and figures by the mean over the other elements.
    """

    def __init__(self, table: pd.DataFrame | None = None, *, impute_nan: bool = False) -> None:
        frame = _shipped_table() if table is None else _checked(table)
        values = frame.to_numpy(dtype=np.float64, copy=True)
        if impute_nan:
            mean = np.nanmean(values, axis=0)
            # One more row, the mean element, for symbols that have no row.
            values = np.vstack([np.where(np.isnan(values), mean, values), mean])
        values.flags.writeable = False  # shared by all who ask for the shipped table
        self.values = values
        self.properties = list(frame.columns)
        self.row_of = {symbol: row for row, symbol in enumerate(frame.index)}
        self.range = (
            f"{frame.index[0]}-{frame.index[-1]}" if table is None else f"{len(frame)} rows"
        )
        self.impute_nan = impute_nan
        self.lacking = set(frame.index[frame.isna().any(axis=1)])

    @staticmethod
    def shipped(impute_nan: bool = False) -> "ElementTable":
        """Return the shipped table, one and the same object each time."""
        return _prepared(bool(impute_nan))

    def column(self, name: str) -> NDArray[np.float64]:
        """Return one property of all elements, shape (n_elements,)."""
        return self.values[:, self.properties.index(name)]

    def index_of(self, symbol: str) -> int:
        """Return an element's row, or the mean element's where imputation is on and it has none."""
        row = self.row_of.get(symbol)
        if row is not None and (self.impute_nan or symbol not in self.lacking):
            return row
        if row is not None:
            raise UnknownElementError(
                f"expected a complete row of {symbol} in elemental_info, got one with missing "
                "figures: complete it, or let impute_nan=True put the means in",
                symbol=symbol,
            )
        if self.impute_nan:
            return len(self.values) - 1
        raise UnknownElementError(
            f"expected elements of the descriptor table ({self.range}), got {symbol}, which has no "
            "row in it: leave the compound out, or give a table that covers it as elemental_info",
            symbol=symbol,
        )


@cache
def _prepared(impute_nan: bool) -> ElementTable:
    return ElementTable(impute_nan=impute_nan)


def _checked(table: pd.DataFrame) -> pd.DataFrame:
    if not isinstance(table, pd.DataFrame):
        raise TypeError(
            "expected elemental_info to be a DataFrame with element symbols as index, "
            f"got {type(table).__name__}"
        )
    if not len(table) or not table.index.is_unique:
        raise ValueError(
            "expected elemental_info to have one row for each element symbol, got "
            + ("no rows" if not len(table) else "the same symbol twice")
        )
    if not all(pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes):
        raise ValueError("expected elemental_info to hold numbers only, got other columns as well")
    return table

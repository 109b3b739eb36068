"""What may stand in a chemical formula, and what it then says."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition, Element

from matminer_phonon_tl.exceptions import CompositionError, UnknownElementError
from matminer_phonon_tl.flat_compositions import FlatCompositions

MAX_FORMULA_LENGTH = 500
MAX_AMOUNT = 1e6
SMALLEST_AMOUNT = 1e-6
"""pymatgen drops amounts below 1e-8 without a word."""
ISOTOPES = {"D": "deuterium", "T": "tritium"}

# Possessive: each digit could else end a token, and a long row of them take for ever to refuse.
_TOKENS = re.compile(r"(?:[A-Z][a-z]?+|\d++(?:\.\d*+)?+|\.\d++|[()\[\]{}\s])++")
_SYMBOL = re.compile(r"[A-Z][a-z]?")
# "CaSO4.2H2O": pymatgen reads O4.2 and H2O, the writer meant two waters. A decimal amount before
# another symbol is ambiguous where an element is written twice, as adducts do.
_DECIMAL_BEFORE_SYMBOL = re.compile(r"\d\.\d*[A-Z(\[{]")
_PLAIN = re.compile(r"(?:[A-Z][a-z]?[0-9]{0,7})+")
_PLAIN_PART = re.compile(r"([A-Z][a-z]?)([0-9]*)")
# Once each: pymatgen counts deuterium as an element of its own, with the symbol H.
SYMBOLS = tuple(dict.fromkeys(element.symbol for element in Element))
"""Of the chemical elements."""
_PLACE_OF = {symbol: place for place, symbol in enumerate(SYMBOLS)}


@lru_cache(maxsize=2**15)
def read_formula(text: str) -> Composition:
    """Read a formula as written; the last read are remembered.

    Parameters
    ----------
    text : str

    Returns
    -------
    Composition
        Every amount is above 0 and at most 10^6.

    Raises
    ------
    UnknownElementError, CompositionError

    Examples
    --------
    >>> read_formula("Ca(OH)2")
    Composition('Ca1 O2 H2')
    """
    formula = text.strip()
    expected = f"expected a chemical formula such as 'GaN' or 'Ca(OH)2', got {short(text)}"
    if not formula:
        raise CompositionError(f"{expected}: it is empty")
    if len(formula) > MAX_FORMULA_LENGTH:
        raise CompositionError(
            f"{expected}: it has {len(formula)} characters, more than {MAX_FORMULA_LENGTH}"
        )
    if not formula.isascii() or not _TOKENS.fullmatch(formula):
        raise CompositionError(
            f"{expected}: only element symbols, amounts and brackets may stand in a formula"
        )
    symbols = _SYMBOL.findall(formula)
    if _DECIMAL_BEFORE_SYMBOL.search(formula) and len(set(symbols)) < len(symbols):
        raise CompositionError(
            f"{expected}: a dot is a decimal point here, so write an adduct such as a hydrate with "
            "brackets, as in 'CaSO4(H2O)2', and each element of other formulas once"
        )
    _check_symbols(symbols, text)
    if not _brackets_match(formula):
        raise CompositionError(f"{expected}: its brackets do not match")
    try:
        composition = Composition(formula)
    except (ValueError, OverflowError) as error:
        raise CompositionError(f"{expected}: it cannot be read as one") from error
    lost = set(symbols) - {element.symbol for element in composition.elements}
    if lost and len(composition):
        raise amount_error(min(lost), 0.0)
    return check_amounts(composition)


def read_plain_formulas(
    formulas: Sequence[str],
) -> tuple[NDArray[np.bool_], FlatCompositions]:
    """Read the usual formulas, symbols and whole amounts, many at once.

    Returns
    -------
    is_plain : ndarray of bool, shape (n_formulas,)
        Which are such; any other, good or bad, is for :func:`read_formula`.
    flat : FlatCompositions
        Of the plain ones; elements as written, by their places in :data:`SYMBOLS`.

    Examples
    --------
    >>> is_plain, flat = read_plain_formulas(["In2N2", "Ca(OH)2"])
    >>> is_plain.tolist(), [SYMBOLS[place] for place in flat.elements], flat.amounts.tolist()
    ([True, False], ['In', 'N'], [2.0, 2.0])
    """
    parts = [
        _PLAIN_PART.findall(formula)
        if len(formula) <= MAX_FORMULA_LENGTH and _PLAIN.fullmatch(formula)
        else ()
        for formula in formulas
    ]
    counts = np.fromiter(map(len, parts), np.intp, len(parts))
    entries = list(chain.from_iterable(parts))
    elements = np.array([_PLACE_OF.get(symbol, -1) for symbol, _ in entries], dtype=np.intp)
    amounts = np.array([float(digits) if digits else 1.0 for _, digits in entries])
    formula_of = np.repeat(np.arange(len(parts)), counts)
    is_plain = counts > 0
    is_plain[formula_of[(elements < 0) | (amounts <= 0) | (amounts > MAX_AMOUNT)]] = False
    # An element that stands twice, as in CH3CH2OH, is to be added up.
    keys = np.sort(formula_of * (len(SYMBOLS) + 1) + elements)
    is_plain[keys[1:][np.diff(keys) == 0] // (len(SYMBOLS) + 1)] = False
    kept = is_plain[formula_of]
    return is_plain, FlatCompositions(counts[is_plain], elements[kept], amounts[kept])


def _check_symbols(symbols: list[str], text: str) -> None:
    for symbol in symbols:
        if symbol in ISOTOPES:
            raise isotope_error(symbol)
        if symbol not in _PLACE_OF:
            raise UnknownElementError(
                f"expected chemical elements, got {symbol!r} in {short(text)}, which is none",
                symbol=symbol,
            )


def amount_error(symbol: Any, amount: float) -> CompositionError:
    """Say that there is too little or too much of an element."""
    return CompositionError(
        f"expected an amount of {symbol} above 0 and at most {MAX_AMOUNT:g}, got {amount:g}: "
        "leave an element out rather than give it no atoms",
        symbol=str(symbol),
    )


def isotope_error(symbol: str) -> UnknownElementError:
    """Say that an isotope is none of the elements."""
    return UnknownElementError(
        f"expected chemical elements, got the isotope {symbol!r} ({ISOTOPES[symbol]}), which no "
        "descriptor table covers: write H where hydrogen will do",
        symbol=symbol,
    )


def _brackets_match(formula: str) -> bool:
    closing = {")": "(", "]": "[", "}": "{"}
    open_brackets: list[str] = []
    for character in formula:
        if character in "([{":
            open_brackets.append(character)
        elif character in closing and (
            not open_brackets or open_brackets.pop() != closing[character]
        ):
            return False
    return not open_brackets


def short(value: Any, limit: int = 60) -> str:
    """Quote a value, or the beginning of it."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def check_amounts(composition: Composition) -> Composition:
    """Return the composition, or raise for the first amount that is none."""
    for species, amount in composition.items():
        if not 0 < amount <= MAX_AMOUNT:
            raise amount_error(species, amount)
    return composition

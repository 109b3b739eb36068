"""What may stand in a chemical formula, and the composition that it means.

Amounts are used as written and never reduced: ``In2N2`` is a cell of four atoms.
"""

import re
from functools import lru_cache
from typing import Any

from pymatgen.core import Composition, Element

from matminer_phonon_tl.exceptions import CompositionError, UnknownElementError

MAX_FORMULA_LENGTH = 500
MAX_AMOUNT = 1e6
ISOTOPES = {"D": "deuterium", "T": "tritium"}

# Without duplicates: pymatgen counts deuterium as a separate element with the symbol H.
SYMBOLS = tuple(dict.fromkeys(element.symbol for element in Element))
"""Symbols of the chemical elements."""
PLACE_OF = {symbol: place for place, symbol in enumerate(SYMBOLS)}
"""Place of each symbol in :data:`SYMBOLS`."""

# Possessive: each digit could else end a token, and a long row of them take for ever to refuse.
_TOKENS = re.compile(r"(?:[A-Z][a-z]?+|\d++(?:\.\d*+)?+|\.\d++|[()\[\]{}\s])++")
_SYMBOL = re.compile(r"[A-Z][a-z]?")
# "CaSO4.2H2O": pymatgen reads O4.2 and H2O, the writer meant two waters. A decimal amount before
# another symbol is ambiguous where an element is written twice, as adducts do; but nothing ends
# with "K0", so that the dot in "K0.5" is a decimal point.
_NOT_AFTER_ZERO = r"(?<![A-Za-z)\]}]0)"
_DECIMAL_BEFORE_SYMBOL = re.compile(rf"{_NOT_AFTER_ZERO}\.\d*[A-Z(\[{{]")
# So it is before a solvent: these, and what is of C, H, N, O and S alone, with C and H.
_SOLVENTS = "H2O|OH2|H2O2|NH3|N2H4|HF|HCl|HBr|HI|H2S|HNO3|H2SO4|SO2|CO2|CHCl3|CH2Cl2"
_ORGANIC = rf"{_NOT_AFTER_ZERO}\.\d*(?=[^C]*C)(?=[^H]*H)[CHNOS\d()\[\]{{}}]*"
_DECIMAL_BEFORE_SOLVENT = re.compile(
    rf"(?:\.\d*[(\[{{]?(?:{_SOLVENTS})(?:[)\]}}]\d*)?|{_ORGANIC})$"
)
# "Na1.5 H1 C1 O3", as pymatgen writes it: an amount behind each element leaves nothing open.
_WITH_ALL_AMOUNTS = re.compile(r"(?:[A-Z][a-z]?+[\d.]++\s*+)+")
# "NaBr 2H2O", "NaI 0.5C3H6O"
_SPACE_BEFORE_PART = re.compile(r"\s+(?=\d+(?:\.\d+)?[A-Z(\[{])")
# "Fe(III)2O3", which pymatgen reads as FeI6O3.
_OXIDATION_STATE = re.compile(r"\((?:I{1,3}|I?V|VI{1,3})\)")
# "CaSO4·2H2O": unlike a full stop, these stand between the parts of an adduct and nothing else.
_MIDDLE_DOT = re.compile(r"\s*[\u00b7\u2022\u2219\u22c5\u2027\u30fb]\s*")
_SUBSCRIPTS = {0x2080 + digit: str(digit) for digit in range(10)}
_PART = re.compile(r"(\d++(?:\.\d++)?+)?(.++)", re.DOTALL)


@lru_cache(maxsize=2**15)
def read_formula(text: str) -> Composition:
    """Read a formula as written; the formulas read last are remembered.

    Every amount is above 0 and at most 10^6. Raises UnknownElementError where a symbol is no
    chemical element, CompositionError where the text is no formula for another reason.

    >>> read_formula("Ca(OH)2")
    Composition('Ca1 O2 H2')
    >>> read_formula("MgCl2·6H2O")
    Composition('Mg1 Cl2 H12 O6')
    """
    formula = text.strip().translate(_SUBSCRIPTS)
    expected = f"expected a chemical formula such as 'GaN' or 'Ca(OH)2', got {short(text)}"
    if not formula:
        raise CompositionError(f"{expected}: it is empty")
    if len(formula) > MAX_FORMULA_LENGTH:
        raise CompositionError(
            f"{expected}: it has {len(formula)} characters, more than {MAX_FORMULA_LENGTH}"
        )
    formula = _join_adduct(formula)
    if not formula.isascii() or not _TOKENS.fullmatch(formula):
        raise CompositionError(
            f"{expected}: only element symbols, amounts and brackets may stand in a formula"
        )
    symbols = _SYMBOL.findall(formula)
    joined = "".join(_SPACE_BEFORE_PART.sub(".", formula).split())
    twice = _DECIMAL_BEFORE_SYMBOL.search(joined) and len(set(symbols)) < len(symbols)
    solvent = _DECIMAL_BEFORE_SOLVENT.search(joined) and not _WITH_ALL_AMOUNTS.fullmatch(formula)
    if twice or solvent:
        raise CompositionError(
            f"{expected}: a dot is a decimal point here and a space nothing, so write an adduct "
            "such as a hydrate with brackets, as in 'CaSO4(H2O)2', and other formulas with each "
            "element once and whole amounts first"
        )
    if state := _OXIDATION_STATE.search(joined):
        raise CompositionError(
            f"{expected}: {state[0]!r} would be read as iodine or vanadium, so leave oxidation "
            "states out, and write these elements without brackets of their own"
        )
    _check_symbols(symbols, text)
    if not _brackets_match(formula):
        raise CompositionError(f"{expected}: its brackets do not match")
    try:
        composition = Composition(formula)
    except (ValueError, OverflowError) as error:
        raise CompositionError(f"{expected}: it cannot be read as one") from error
    # pymatgen drops amounts below 1e-8 without a word.
    lost = set(symbols) - {element.symbol for element in composition.elements}
    if lost and len(composition):
        raise amount_error(min(lost), 0.0)
    return check_amounts(composition)


def write_formula(composition: Composition) -> str:
    """Write a composition as a formula that :func:`read_formula` reads back.

    Elements by electronegativity, each with its amount to eight decimals, never in powers of ten;
    an amount of 1 is left out.

    >>> write_formula(Composition({"Ni": 0.99991, "Fe": 9e-5})), write_formula(Composition("InN"))
    ('Fe0.00009Ni0.99991', 'InN')
    """
    amounts = composition.get_el_amt_dict()
    symbols = re.findall("[A-Z][a-z]*", composition.formula)  # as long as those of dummies are
    numbers = [f"{amounts[symbol]:.8f}".rstrip("0").rstrip(".") for symbol in symbols]
    if symbols == ["Na", "N"] and numbers == ["1", "1"]:
        return "Na1N1"  # readers of tables take NaN for a missing value
    parts = [f"{symbol}{'' if n == '1' else n}" for symbol, n in zip(symbols, numbers, strict=True)]
    formula = "".join(parts)
    if _DECIMAL_BEFORE_SOLVENT.search(formula):  # Li0.5H2O2 could be meant as an adduct
        formula = "".join(sorted(parts, key=lambda part: "." in part))
    return formula


def check_amounts(composition: Composition) -> Composition:
    """Return the composition, or raise for the first amount that is out of bounds."""
    for species, amount in composition.items():
        if not 0 < amount <= MAX_AMOUNT:
            raise amount_error(species, amount)
    return composition


def amount_error(symbol: Any, amount: float) -> CompositionError:
    """Make the error of an element with too few or too many atoms."""
    return CompositionError(
        f"expected an amount of {symbol} above 0 and at most {MAX_AMOUNT:g}, got {amount:g}: "
        "leave an element out rather than give it no atoms",
        symbol=str(symbol),
    )


def isotope_error(symbol: str) -> UnknownElementError:
    """Make the error of an isotope, which stands for no element of a table."""
    return UnknownElementError(
        f"expected chemical elements, got the isotope {symbol!r} ({ISOTOPES[symbol]}), which no "
        "descriptor table covers: write H where hydrogen will do",
        symbol=symbol,
    )


def short(value: Any, limit: int = 60) -> str:
    """Quote a value, or the beginning of it, in one line."""
    text = " ".join(repr(value).splitlines())
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _join_adduct(formula: str) -> str:
    """Write the parts between middle dots as brackets: MgCl2\u00b76H2O as (MgCl2)(H2O)6."""
    parts = _MIDDLE_DOT.split(formula)
    if len(parts) == 1 or not all(parts):
        return formula
    read = [_PART.fullmatch(part) for part in parts]
    return "".join(f"({part[2]}){part[1] or ''}" for part in read if part)


def _check_symbols(symbols: list[str], text: str) -> None:
    for symbol in symbols:
        if symbol in ISOTOPES:
            raise isotope_error(symbol)
        if symbol not in PLACE_OF:
            raise UnknownElementError(
                f"expected chemical elements, got {symbol!r} in {short(text)}, which is none",
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

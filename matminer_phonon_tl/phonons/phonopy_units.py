"""Units of phonopy's files, which are those of the force calculator behind them."""

from typing import Any

from matminer_phonon_tl.exceptions import PhononDocumentError

_SAME_FACTOR = 1e-3  # relative; no two of phonopy's calculators are as near


def find_calculator(*documents: dict[str, Any], name: str) -> str | None:
    """Return the force calculator that documents of phonopy name, or one that has their units.

    Parameters
    ----------
    *documents : dict
        Of one calculation, such as a band.yaml and the phonopy.yaml beside it, in this order.
    name : str
        Of the file, for errors.

    Returns
    -------
    str or None
        None where the documents say nothing, which phonopy takes for VASP.

    Raises
    ------
    PhononDocumentError
        The units stated are not the calculator's, no calculator's, or those of several that
        differ in other units.
    """
    from phonopy.interface.calculator import calculator_info

    named = named_calculator(*documents)
    units = _first(_lengths_and_forces, [part.get("physical_unit") for part in documents]) or {}
    factor = stated_factor(*documents)
    if named and not units:
        return named
    codes = [
        code
        for code in ([named] if named else ("vasp", *calculator_info))
        if all(getattr(units_of(code), unit).lower() == value for unit, value in units.items())
    ]
    if factor and not named:  # it may be the user's own too: then it tells nothing
        known = [code for code in codes if is_factor_of(code, factor)]
        codes = known or (codes if units else [])
    if not units:
        return codes[0] if codes and factor else None
    differ = {
        (found.factor, found.distance_to_A, found.nac_factor) for found in map(units_of, codes)
    }
    if len(differ) != 1:
        stated = ", ".join(f"{unit.removesuffix('_unit')} in {units[unit]}" for unit in units)
        whose = "several have" if codes else f"{named} has not" if named else "none has"
        raise PhononDocumentError(
            f"expected the units of one force calculator that phonopy knows in {name}, got "
            f"{stated}, which {whose}; "
            + ("correct one of the two" if named else "write for example 'calculator: qe' there")
        )
    return codes[0]


def named_calculator(*documents: dict[str, Any]) -> str | None:
    """Return the force calculator that documents name; phonopy.yaml does so under ``phonopy``."""
    parts = [*documents, *_headers(documents)]
    return _first(as_text, [part.get("calculator") for part in parts])


def stated_factor(*documents: dict[str, Any]) -> float | None:
    """Return the factor of frequencies that documents state, in phonopy's sense."""
    key = "frequency_unit_conversion_factor"
    return _first(float, [header.get(key) for header in _headers(documents)])


def is_factor_of(calculator: str | None, factor: float) -> bool:
    """Return whether a factor gives THz from the units of a force calculator."""
    return abs(units_of(calculator).factor / factor - 1.0) < _SAME_FACTOR


def units_of(calculator: str | None) -> Any:
    """Return phonopy's units of a force calculator."""
    from phonopy.interface.calculator import get_calculator_physical_units

    return get_calculator_physical_units(calculator)


def as_text(name: Any) -> str:
    """Return text of a YAML or an HDF5 file as a string."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def _headers(documents: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    return [document.get("phonopy") or {} for document in documents]


def _first(read: Any, values: list[Any]) -> Any:
    """Return the first value that is there, as it is read."""
    return next((read(value) for value in values if value is not None), None)


def _lengths_and_forces(stated: dict[str, Any]) -> dict[str, str]:
    """Return stated units by the names that they have in phonopy's table."""
    wanted = ("length", "force", "force_constants")
    return {f"{unit}_unit": as_text(stated[unit]).lower() for unit in wanted if unit in stated}

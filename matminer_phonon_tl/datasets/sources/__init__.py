"""Where the builder's phonon documents come from, one source a file."""

from importlib import import_module
from pathlib import Path
from typing import Any

from matminer_phonon_tl.datasets.sources.base import (
    ForceConstantRecord,
    PhononRecord,
    PhononSource,
    SkippedEntryError,
    SourceUnavailableError,
)

__all__ = [
    "ForceConstantRecord",
    "KyotoSource",
    "MaterialsProjectSource",
    "PetrettoSource",
    "PhononRecord",
    "PhononSource",
    "PhonopySource",
    "SkippedEntryError",
    "SourceUnavailableError",
    "make_source",
]

_HOME = {
    "KyotoSource": "kyoto",
    "MaterialsProjectSource": "materials_project",
    "PetrettoSource": "petretto",
    "PhonopySource": "phonopy",
}


def make_source(name: str, path: Path | None = None, *, use_flags: bool = False) -> PhononSource:
    """Make a source from its name and what it reads.

    Parameters
    ----------
    name : {"kyoto", "materials_project", "petretto", "phonopy"}
        The source.
    path : Path, optional
        Folder or archive of the documents. For ``materials_project``, a text file with one id a
        line, or none for all materials with phonons.
    use_flags : bool, default False
        See :class:`PetrettoSource`; the others have no flags.

    Returns
    -------
    PhononSource
        The source.

    Raises
    ------
    ValueError
        The name is unknown, a path is missing, or an option is of another source.

    Examples
    --------
    >>> make_source("petretto", Path("raw")).name
    'petretto'
    """
    if use_flags and name != "petretto":
        raise ValueError(f"expected use_flags with petretto only, got it with {name}; leave it out")
    if name == "materials_project":
        ids = None if path is None else path.read_text(encoding="utf-8").split()
        return import_module(f"{__name__}.materials_project").MaterialsProjectSource(ids)
    if name not in {"kyoto", "petretto", "phonopy"}:
        raise ValueError(
            "expected a source out of kyoto, materials_project, petretto and phonopy, got "
            f"{name!r}; use one of these"
        )
    if path is None:
        raise ValueError(f"expected the folder that {name} reads, got none; pass --path FOLDER")
    if name == "petretto":
        return import_module(f"{__name__}.petretto").PetrettoSource(path, use_flags=use_flags)
    if name == "kyoto":
        return import_module(f"{__name__}.kyoto").KyotoSource(path)
    return import_module(f"{__name__}.phonopy").PhonopySource(path)


def __getattr__(name: str) -> Any:
    """Import a source when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

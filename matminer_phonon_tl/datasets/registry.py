"""Make ``matminer.datasets`` know the shipped datasets.

matminer has no hook for plugins. Its loader looks its helpers up in its own module at every call,
so replacing those names there reaches every ``load_dataset`` there is, however and whenever it was
imported. This is the only file that touches matminer's private state.
"""

import functools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from matminer.datasets import dataset_retrieval

from matminer_phonon_tl.datasets.load import dataset_metadata, load_dataset, read_frame
from matminer_phonon_tl.exceptions import DataWarning


def register() -> None:
    """Register the shipped datasets with matminer; safe to call again."""
    for name, wrap in _WRAPPERS.items():
        original = getattr(dataset_retrieval, name, None)
        if original is None:
            known = " and ".join(map(repr, dataset_metadata()))
            warnings.warn(
                f"expected matminer.datasets.dataset_retrieval to have {name}, but this version "
                f"of matminer has not, so its load_dataset will not know {known}: use "
                "matminer_phonon_tl.datasets.load_dataset instead",
                DataWarning,
                stacklevel=3,
            )
            return
        if not hasattr(original, "__wrapped_by_phonon_tl__"):
            wrapper = wrap(original)
            wrapper.__wrapped_by_phonon_tl__ = True  # type: ignore[attr-defined]
            setattr(dataset_retrieval, name, wrapper)
    # matminer fills this at its first use; it may have been filled before we came.
    if dataset_retrieval._dataset_dict is not None:  # noqa: SLF001
        dataset_retrieval._dataset_dict.update(dataset_metadata())  # noqa: SLF001


def _wrap_load_dataset_dict(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def load_dataset_dict() -> dict[str, Any]:
        return original() | dataset_metadata()

    return load_dataset_dict


def _wrap_validate_dataset(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def validate_dataset(data_path: str, *args: Any, **kwargs: Any) -> None:
        # Ours are never downloaded, and their hashes are checked where they are read.
        if _shipped_name(Path(data_path)) is None:
            original(data_path, *args, **kwargs)

    return validate_dataset


def _wrap_load_dataframe_from_json(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def load_dataframe_from_json(
        filename: str, pbar: bool = True, decode: bool = True
    ) -> pd.DataFrame:
        path = Path(filename)
        name = _shipped_name(path)
        if name is None:
            return original(filename, pbar=pbar, decode=decode)
        # As for matminer's own sets, a copy in the data folder is the one that is read.
        if path.exists():
            way_out = "delete it, and the copy shipped with the package is read"
            return read_frame(path, dataset_metadata()[name]["hash"], way_out=way_out, pbar=pbar)
        return load_dataset(name, pbar=pbar)

    return load_dataframe_from_json


def _shipped_name(path: Path) -> str | None:
    """Return the shipped dataset that a file of matminer's data folder stands for, if any."""
    name = path.name.removesuffix(".json.gz")
    return name if name != path.name and name in dataset_metadata() else None


_WRAPPERS = {
    "_load_dataset_dict": _wrap_load_dataset_dict,
    "_validate_dataset": _wrap_validate_dataset,
    "load_dataframe_from_json": _wrap_load_dataframe_from_json,
}

"""Errors and warnings of the package.

Every error is one sentence that says what was expected, what came and what to do. Each class can
be built from that sentence alone, because matminer re-raises ``type(error)(message)``.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, Self


class PhononTLError(Exception):
    """Base of every error this package raises on purpose."""


class CompositionError(PhononTLError, ValueError):
    """A value that was given as a composition or structure cannot be read as one.

    Parameters
    ----------
    reason : str
        What was expected, what came and what to do, without the row.
    row : int, optional
        Position in the input, from 0; stands at the start of the message.
    symbol : str, optional
        The element that is at fault.

    Attributes
    ----------
    reason, row, symbol
        As given.
    """

    def __init__(self, reason: str, *, row: int | None = None, symbol: str | None = None) -> None:
        super().__init__(reason if row is None else f"row {row}: {reason}")
        self.reason = reason
        self.row = row
        self.symbol = symbol

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason,), {"row": self.row, "symbol": self.symbol}

    def __setstate__(self, state: dict[str, Any] | None) -> None:
        fields = state or {}
        CompositionError.__init__(self, self.reason, **fields)

    def at_row(self, row: int | None) -> Self:
        """Return the same error at another row, or with None without one."""
        moved = type(self)(self.reason, row=row, symbol=self.symbol)
        moved.__cause__ = self.__cause__
        return moved


class UnknownElementError(CompositionError):
    """A composition holds an element that the descriptor table does not cover."""


class DatasetIntegrityError(PhononTLError, OSError):
    """A dataset file is missing, truncated or altered."""


class UnitError(PhononTLError, ValueError):
    """The unit of a phonon document cannot be established, or contradicts its content."""


class PhononDocumentError(PhononTLError, ValueError):
    """A phonon document is corrupt or lacks what a property needs."""


class UnpackingError(PhononTLError, ValueError):
    """A compressed file is damaged, or unpacks to more than is allowed."""


class MissingPhononsError(PhononDocumentError):
    """A place that should hold a phonon calculation holds none, or a part of one.

    Parameters
    ----------
    message : str
        What was expected, what came and what to do.
    reason : str, default "no phonon data"
        What such places are counted under.
    """

    def __init__(self, message: str, reason: str = "no phonon data") -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.reason)


class PhononPathError(PhononDocumentError, FileNotFoundError):
    """There is no file or folder where phonons should be read."""


class NonPrimitiveCellError(PhononDocumentError):
    """The phonons belong to a cell larger than the primitive one."""


class UnstableStructureError(PhononTLError, ValueError):
    """A property was asked of a structure with imaginary phonon modes."""


class PotentialError(PhononTLError, ValueError):
    """An interatomic potential gives no usable forces for a structure."""


class ModelFormatError(PhononTLError, ValueError):
    """A model file is truncated, altered, or of a format this version does not read."""


class ScreeningError(PhononTLError, ValueError):
    """A screening was asked for something it cannot do, or its input or output cannot be used."""


class TrainingError(PhononTLError, ValueError):
    """The training data cannot be trained on, or the training diverged."""


class MissingExtraError(PhononTLError, ImportError):
    """An optional dependency is not installed."""


def way_to_install(extra: str) -> str:
    """Return the command that installs an extra, as README has it until there is a release.

    >>> print(way_to_install("dask"))
    pip install -c constraints.txt ".[dask]" in the folder of the clone
    """
    return f'pip install -c constraints.txt ".[{extra}]" in the folder of the clone'


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """Return what an error adds behind a wrong name: the nearest known one, if any is near.

    >>> did_you_mean("speed_of_snd", ["formula", "speed_of_sound"])
    " (did you mean 'speed_of_sound'?)"
    >>> did_you_mean("colour", ["formula", "speed_of_sound"])
    ''
    """
    spelled = {str(each).lower(): str(each) for each in known}
    near = get_close_matches(str(name).lower(), spelled, n=1)
    return f" (did you mean {spelled[near[0]]!r}?)" if near else ""


@contextmanager
def needs(extra: str, what: str) -> Iterator[None]:
    """Say how to install an extra where what it brings cannot be imported.

    >>> with needs("explain", "shap for explanations"):
    ...     raise ImportError
    Traceback (most recent call last):
    ...
    matminer_phonon_tl.exceptions.MissingExtraError: expected shap for explanations, found none: ...
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(f"expected {what}, found none: {way_to_install(extra)}") from error


class PhononTLWarning(UserWarning):
    """Base of every warning this package gives."""


class FeaturizationWarning(PhononTLWarning):
    """Rows could not be featurized and hold NaN."""


class DataWarning(PhononTLWarning):
    """Data was read that disagrees with itself, or was left out."""


class TrainingWarning(PhononTLWarning):
    """Training went on, but its result deserves a look."""


class ExtrapolationWarning(PhononTLWarning):
    """A prediction was asked of a model that has seen nothing near it."""


class CellSizeWarning(PhononTLWarning):
    """A formula was read as one primitive cell, and training materials of it have another."""

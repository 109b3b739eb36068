"""The result of a cross-validation, with everything that is needed to judge its scores."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matminer_phonon_tl.evaluation.scores import Score, average_rounds, score_predictions
from matminer_phonon_tl.evaluation.splits import Split
from matminer_phonon_tl.exceptions import ModelFormatError, did_you_mean
from matminer_phonon_tl.files import write_atomically

PROTOCOLS: Mapping[str, str] = {
    "leak_free": "everything is fitted inside the training fold; source weights are copied",
    "strict": "leak_free, and the source task holds no tested formula",
    "published": (
        "the published script's order: scaler on all rows, labels unscaled, a fit on all rows "
        "before every fifth round, transferred weights carried from fit to fit: labels of tested "
        "materials reach the model"
    ),
}
"""What each protocol means, in the words that every result carries."""

SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidationResult:
    """Held-out predictions and their scores, with the protocol that they were made under.

    Attributes
    ----------
    protocol : {"leak_free", "strict", "published"}
    target : str
        Name of the labels.
    unit : str
        Unit of labels, predictions, MAE and RMSE; empty where none is known.
    task : {"regression", "classification"}
    estimator : str
        What the estimator's ``repr`` says.
    y : ndarray of shape (n_rows,)
        Labels.
    predictions : ndarray of shape (n_rounds, n_rows)
        NaN where a row was not tested. For classification the probability of the positive class.
    splits : tuple of Split
        Rows by position.
    rows : tuple of str
        Name of each row: its material_id, its index label, or its position.
    formulas : tuple of str or None
        Formula of each row.
    settings : mapping
        Folds, rounds, groups, source, seed.
    data_sha256 : str
        Hash of formulas (or matrix) and labels.
    versions : mapping
        Version of each library that took part.
    decisions : ndarray of shape (n_rounds, n_rows), or None
        What a classifier's ``predict`` says: 1 for the positive class, 0 for the other, NaN where a
        row was not tested. None for a regression. None also where only probabilities are known;
        then a probability of one half or more is positive.
    """

    protocol: str
    target: str
    unit: str
    task: str
    estimator: str
    y: NDArray[Any]
    predictions: NDArray[np.float64]
    splits: tuple[Split, ...]
    rows: tuple[str, ...]
    formulas: tuple[str, ...] | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    data_sha256: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    decisions: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        """Make the arrays as frozen as the rest."""
        if self.decisions is not None and self.decisions.shape != self.predictions.shape:
            raise ValueError(
                f"expected decisions of the predictions' shape {self.predictions.shape}, got "
                f"{self.decisions.shape}: pass one for each"
            )
        for array in (self.y, self.predictions, self.decisions):
            if array is not None:
                array.flags.writeable = False

    @cached_property
    def scores(self) -> dict[str, Score]:
        """Every score by name: mae, rmse, r2, or f1, auroc, auprc, accuracy."""
        return score_predictions(self.y, self.predictions, self.task, self.decisions)

    @property
    def mae(self) -> Score:
        """Mean absolute error in the target's unit."""
        return self._score("mae")

    @property
    def rmse(self) -> Score:
        """Root mean squared error in the target's unit."""
        return self._score("rmse")

    @property
    def r2(self) -> Score:
        """Coefficient of determination."""
        return self._score("r2")

    @property
    def n_rounds(self) -> int:
        """Number of rounds."""
        return int(self.predictions.shape[0])

    @property
    def averaged(self) -> NDArray[np.float64]:
        """Predictions averaged over the rounds, shape (n_rows,)."""
        return average_rounds(self.predictions)

    def _score(self, name: str) -> Score:
        if name not in self.scores:
            raise AttributeError(
                f"expected one of the scores {', '.join(self.scores)} of a {self.task}, got {name}"
                f"{did_you_mean(name, self.scores)}"
            )
        return self.scores[name]

    @property
    def title(self) -> str:
        """Target, unit, protocol and rounds, without which no score is printed."""
        unit = f", {self.unit}" if self.unit else ""
        return f"{self.target}{unit} [{self.protocol}, {self.n_rounds} rounds]"

    def __str__(self) -> str:
        """Say target, protocol and scores in one line."""
        return f"{self.title}: {'; '.join(map(str, self.scores.values()))}"

    def __repr__(self) -> str:
        """Say the same; all the arrays would fill pages."""
        return f"<{type(self).__name__} {self}>"

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each prediction.

        Returns
        -------
        DataFrame
            Columns row, formula (where known), round, fold, y_true, y_pred, y_decided (where
            known), protocol.
        """
        parts = []
        for split in self.splits:
            part: dict[str, Any] = {"row": [self.rows[i] for i in split.test]}
            if self.formulas is not None:
                part["formula"] = [self.formulas[i] for i in split.test]
            part |= {
                "round": split.round,
                "fold": split.fold,
                "y_true": self.y[split.test],
                "y_pred": self.predictions[split.round, split.test],
            }
            if self.decisions is not None:
                part["y_decided"] = self.decisions[split.round, split.test]
            part["protocol"] = self.protocol
            parts.append(pd.DataFrame(part))
        return pd.concat(parts, ignore_index=True)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold; :meth:`from_dict` restores them exactly."""
        return {
            "schema_version": SCHEMA_VERSION,
            "protocol": self.protocol,
            "protocol_meaning": PROTOCOLS[self.protocol],
            "target": self.target,
            "unit": self.unit,
            "task": self.task,
            "estimator": self.estimator,
            "scores": {name: score.as_dict() for name, score in self.scores.items()},
            "y": self.y.tolist(),
            "predictions": _plain(self.predictions),
            "decisions": None if self.decisions is None else _plain(self.decisions),
            "splits": [
                {
                    "round": split.round,
                    "fold": split.fold,
                    "name": split.name,
                    "train": split.train.tolist(),
                    "test": split.test.tolist(),
                }
                for split in self.splits
            ],
            "rows": list(self.rows),
            "formulas": None if self.formulas is None else list(self.formulas),
            "settings": dict(self.settings),
            "data_sha256": self.data_sha256,
            "versions": dict(self.versions),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Restore a result from :meth:`as_dict`.

        Raises
        ------
        ModelFormatError
            If the content is no such result.
        """
        if not isinstance(content, Mapping):
            raise ModelFormatError(
                f"expected a cross-validation's result, got {type(content).__name__}: pass what "
                "as_dict returned"
            )
        if content.get("schema_version") != SCHEMA_VERSION:
            raise ModelFormatError(
                f"expected a result of schema version {SCHEMA_VERSION}, got "
                f"{content.get('schema_version')!r}: run the cross-validation again"
            )
        try:
            formulas, decisions = content["formulas"], content.get("decisions")
            return cls(
                **{
                    name: content[name]
                    for name in ("protocol", "target", "unit", "task", "estimator", "settings",
                                 "data_sha256", "versions")
                },
                y=np.array(content["y"]),
                predictions=np.array(content["predictions"], dtype=np.float64),
                decisions=None if decisions is None else np.array(decisions, dtype=np.float64),
                splits=tuple(
                    Split(
                        split["round"],
                        split["fold"],
                        np.array(split["train"], dtype=np.intp),
                        np.array(split["test"], dtype=np.intp),
                        split["name"],
                    )
                    for split in content["splits"]
                ),
                rows=tuple(content["rows"]),
                formulas=None if formulas is None else tuple(formulas),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFormatError(
                f"expected a cross-validation's result, got something else ({error}): pass what "
                "as_dict returned"
            ) from error

    def save(self, path: str | Path) -> None:
        """Write the result as JSON, all of it or nothing."""
        write_atomically(Path(path), json.dumps(self.as_dict(), allow_nan=False).encode())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a result that :meth:`save` wrote."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ModelFormatError(
                f"expected a cross-validation's result in {path}, got no JSON ({error}): pass what "
                "save wrote"
            ) from error
        return cls.from_dict(content)


def _plain(values: NDArray[np.float64]) -> list[list[float | None]]:
    """Return rows that JSON can hold, None for NaN."""
    return [[None if np.isnan(value) else value for value in row] for row in values.tolist()]

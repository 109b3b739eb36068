"""Models as JSON: safe to load from a stranger, exact, with a card of what they are.

A model file is plain JSON, gzipped where its name ends in ``.gz``:

- ``@module``, ``@class``, ``@version``: which model, for people and for monty;
- ``schema_version``; ``params``: the constructor's arguments; ``state``: what fitting left;
- ``card``: library versions, training data, scores with their protocol, units, citation;
- ``sha256``: of all the rest, against accidents.

Against attacks stands something else: no name in a file is ever imported. Classes come from
:data:`MODEL_CLASSES`, arrays are base64 of little-endian bytes whose size is checked before
anything is allocated, and every class checks the state it is rebuilt from.
"""

import gzip
import json
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import numpy as np
from monty.json import MSONable

from matminer_phonon_tl._version import __version__
from matminer_phonon_tl.citations import LIU_2020
from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.files import library_versions, sha256_of, write_atomically
from matminer_phonon_tl.models.state import decode, encode
from matminer_phonon_tl.untrusted_json import parse_json, unpack

SCHEMA_VERSION = 1

MODEL_CLASSES = {
    "PhononGapClassifier": "matminer_phonon_tl.models.gap_classifier",
    "PhononPipe": "matminer_phonon_tl.models.pipe",
    "PhononPredictor": "matminer_phonon_tl.models.predictor",
    "PhononRegressor": "matminer_phonon_tl.models.phonon_regressor",
    "TransferMLPRegressor": "matminer_phonon_tl.networks.transfer",
}
"""The classes a file may name, and where this package keeps them."""

MAX_FILE_BYTES = 256 * 2**20
"""Largest model file, and largest JSON that it unpacks to."""

_MODEL_KEYS = {"params", "state", "schema_version"}


class JSONModel(MSONable):
    """Base of the models that travel as JSON.

    A subclass is a scikit-learn estimator (``get_params``) with :meth:`get_state` and
    :meth:`from_state`, see :mod:`~matminer_phonon_tl.models.state`.
    """

    card_: dict[str, Any]
    """What the model says of itself: training data, scores with their protocol, units."""

    def get_state(self) -> dict[str, Any] | None:
        """Return what fitting left; None before ``fit``."""
        raise NotImplementedError

    @classmethod
    def from_state(cls, state: dict[str, Any], **params: Any) -> Self:
        """Rebuild a fitted model from what :meth:`get_state` gave and its parameters.

        Raises
        ------
        ModelFormatError
            If the state is not what fitting with these parameters leaves.
        """
        raise NotImplementedError

    def _json_params(self) -> dict[str, Any]:
        """Constructor arguments to write; a subclass may replace what JSON can't hold."""
        return self.get_params(deep=False)  # type: ignore[attr-defined]

    def _card(self) -> dict[str, Any]:
        """Return what is known of any model, and what was recorded about this one."""
        return {
            "versions": library_versions(),
            "training_data": getattr(self, "training_data_", None),
            "scores": [],
            "citation": LIU_2020,
            **getattr(self, "card_", {}),
        }

    def _forget_card(self) -> None:
        """Drop the card: its scores are not those of a model that is fitted anew."""
        self.__dict__.pop("card_", None)

    def as_dict(self) -> dict[str, Any]:
        """Return the model as JSON-ready plain values; :meth:`from_dict` restores it exactly.

        A ``random_state`` that is a generator has no JSON; None is written in its place.
        """
        params = self._json_params()
        if isinstance(params.get("random_state"), np.random.RandomState):
            params["random_state"] = None
        return {
            "@module": MODEL_CLASSES[type(self).__name__],
            "@class": type(self).__name__,
            "@version": __version__,
            "schema_version": SCHEMA_VERSION,
            "params": {name: encode(value) for name, value in params.items()},
            "state": encode(self.get_state()),
            "card": self._card(),
        }

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Self:
        """Restore a model from :meth:`as_dict`.

        Raises
        ------
        ModelFormatError
            If the dict is no such model.
        """
        # monty strips the marks before it calls this; whoever calls it names the class.
        model = decode_model({"@class": cls.__name__, **d})
        if not isinstance(model, cls):
            raise ModelFormatError(
                f"expected a {cls.__name__}, got a {type(model).__name__}: load it with load_model"
            )
        return model

    def save(self, json_path: str | Path, *_: Any, **__: Any) -> None:  # type: ignore[override]
        """Write the model as JSON (``save`` of monty would pickle what it cannot encode)."""
        save_model(self, json_path)

    @classmethod
    def load(cls, file_path: str | Path) -> Self:  # type: ignore[override]
        """Read a model of this class from a file; see :func:`load_model`."""
        model = load_model(file_path)
        if not isinstance(model, cls):
            raise ModelFormatError(
                f"expected {file_path} to hold a {cls.__name__}, got a {type(model).__name__}"
            )
        return model


def save_model(model: JSONModel, path: str | Path) -> None:
    """Write a model to a file, all of it or nothing.

    Parameters
    ----------
    model : JSONModel
        Any model of this package.
    path : path
        Gzipped where it ends in ``.gz``. A crash while writing leaves an older file as it was.

    Raises
    ------
    TypeError
        If it is no model of this package, or holds something that JSON cannot.
    """
    if type(model).__name__ not in MODEL_CLASSES or not isinstance(model, JSONModel):
        raise TypeError(
            f"expected one of the models {sorted(MODEL_CLASSES)}, got {type(model).__name__}"
        )
    document = model.as_dict()
    document["sha256"] = content_hash(document)
    text = json.dumps(document, allow_nan=False, indent=None, separators=(",", ":"))
    content = text.encode()
    path = Path(path)
    if path.suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    write_atomically(path, content)


def load_model(path: str | Path) -> Any:
    """Read a model that :func:`save_model` wrote.

    Nothing in the file is executed or imported, so a file from a stranger can do no harm.

    Parameters
    ----------
    path : path

    Returns
    -------
    The model, fitted as it was; its ``card_`` holds what the file says of it.

    Raises
    ------
    ModelFormatError
        If the file is truncated, altered, too large, of another format or of a newer schema.
    FileNotFoundError
        If there is no such file.
    """
    return decode_model(read_document(path))


def read_document(path: str | Path) -> dict[str, Any]:
    """Read a model file as a dict, checked against its hash, without building the model."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except IsADirectoryError as error:
        raise ModelFormatError(f"expected a model file, got the folder {path}") from error
    try:
        return parse_document(content)
    except ModelFormatError as error:
        raise ModelFormatError(f"{path}: {error}") from error


def parse_document(content: bytes) -> dict[str, Any]:
    """Parse the bytes of a model file and check them against their hash."""
    if content[:2] == b"\x1f\x8b":
        try:
            content = unpack(content, MAX_FILE_BYTES)
        except ValueError as error:
            raise ModelFormatError(f"{error}: this is no model file") from error
    if len(content) > MAX_FILE_BYTES:
        raise ModelFormatError(
            f"expected at most {MAX_FILE_BYTES} bytes of JSON, got more: this is no model file"
        )
    try:
        document = parse_json(content)
    except ValueError as error:
        raise ModelFormatError(
            f"expected JSON, but parsing it failed ({error}): the file is truncated or no model"
        ) from error
    if not isinstance(document, dict) or not document.keys() >= _MODEL_KEYS:
        raise ModelFormatError(
            "expected a model with params, state and schema_version, got other JSON: "
            "only files written by save_model can be loaded"
        )
    stated = document.get("sha256")
    if stated is None:
        raise ModelFormatError("expected a field sha256, found none: the file was altered")
    if stated != content_hash(document):
        raise ModelFormatError(
            "expected the content to match the file's sha256, but it does not: the file is "
            "damaged or was altered; get it anew"
        )
    return document


def content_hash(document: dict[str, Any]) -> str:
    """Return the sha256 of a model document without its field ``sha256``, in hex."""
    rest = {key: value for key, value in document.items() if key != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return sha256_of(text)


def decode_model(document: dict[str, Any]) -> Any:
    """Build the model that a checked document describes."""
    return _decode_model(document, depth=0)


def _decode_model(document: dict[str, Any], depth: int) -> Any:
    name = document.get("@class")
    if not isinstance(name, str) or name not in MODEL_CLASSES:
        raise ModelFormatError(
            f"expected one of the models {sorted(MODEL_CLASSES)}, got {name!r}: "
            "no other class is ever built from a file"
        )
    schema = document.get("schema_version")
    if type(schema) is not int or not 1 <= schema <= SCHEMA_VERSION:
        raise ModelFormatError(
            f"expected a model of schema version {SCHEMA_VERSION} or older, got {schema!r}: "
            "update matminer-phonon-tl to load it"
        )
    params, state, card = (document.get(key) for key in ("params", "state", "card"))
    if not isinstance(params, dict) or not isinstance(state, dict | None):
        raise ModelFormatError("expected params as an object and state as an object or null")
    if not isinstance(card, dict | None):
        raise ModelFormatError("expected the card as an object")
    # A module of this package, looked up by the allowed name.
    cls = getattr(import_module(MODEL_CLASSES[name]), name)
    unknown = params.keys() - set(cls._get_param_names())
    if unknown:
        raise ModelFormatError(f"expected the parameters of {name}, got also {sorted(unknown)}")
    try:
        settings = {key: decode(value, _decode_model, depth + 1) for key, value in params.items()}
        if state is None:
            model = cls(**settings)
        else:
            model = cls.from_state(decode(state, _decode_model, depth + 1), **settings)
    except ModelFormatError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise ModelFormatError(
            f"expected the state of a {name}, got something else ({type(error).__name__}: {error})"
        ) from error
    if card:
        model.card_ = card
    return model

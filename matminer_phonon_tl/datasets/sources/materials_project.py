"""The Materials Project's phonons through mp-api (0.45 and later; written against 0.46.5)."""

import logging
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, Literal, TypeVar

from matminer_phonon_tl.datasets.sources.base import (
    Entry,
    PhononRecord,
    PhononSource,
    SkippedEntryError,
    SourceUnavailableError,
)
from matminer_phonon_tl.exceptions import MissingExtraError, PhononDocumentError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_CHUNK = 500
_FAILURES_IN_A_ROW = 3
_FIELDS = ["material_id", "phonon_IDs", "formation_energy_per_atom", "band_gap"]
_FATAL_STATUS = re.compile(r"status code (401|403)\b")
# what goes away by itself: too many requests, a server in trouble, a cut connection
_PASSING = re.compile(
    r"status code (429|5\d\d)\b|too many \d+ error responses|timed? ?out|connection|"
    r"max retries exceeded|broken|incomplete|reset|temporarily|generic s3 error|error sending",
    re.IGNORECASE,
)


class MaterialsProjectSource(PhononSource):
    """DFPT phonons of the Materials Project, those of Petretto et al.

    Ids are looked up in bulk: which of them have phonons, their band gaps and formation energies.
    Those without phonons are listed as skipped. Band structures and densities of states then come
    one by one from the project's public object storage, as mp-api does it, by no more threads
    than mp-api allows (four), each with a client of its own. Answers that tell of passing trouble
    (429, 5xx, cut connections) are asked for again, with pauses that double and vary.

    Parameters
    ----------
    material_ids : sequence of str, optional
        Such as ``["mp-149"]``; all materials with phonons of the method if not given.
    phonon_method : {"dfpt", "phonopy", "pheasy"}, default "dfpt"
        How the phonons were computed; ``"dfpt"`` are Petretto's.
    api_key : str, optional
        Key of the Materials Project; the environment variable ``MP_API_KEY`` if not given, or
        pymatgen's setting ``PMG_MAPI_KEY``.
    endpoint : str, optional
        Another server of the same kind.
    max_tries : int, default 6
        How often a request is made in all.
    pause : float, default 2
        Seconds before the second try.

    References
    ----------
    G. Petretto et al., Sci. Data 5, 180065 (2018), doi:10.1038/sdata.2018.65;
    A. Jain et al., APL Mater. 1, 011002 (2013), doi:10.1063/1.4812323.

    Examples
    --------
    >>> MaterialsProjectSource(["mp-149", "mp-23302"]).count()
    2
    """

    name: ClassVar[str] = "materials_project"
    workers: ClassVar[Literal["processes", "threads"]] = "threads"
    max_jobs: ClassVar[int | None] = 4

    def __init__(
        self,
        material_ids: Sequence[str] | None = None,
        *,
        phonon_method: str = "dfpt",
        api_key: str | None = None,
        endpoint: str | None = None,
        max_tries: int = 6,
        pause: float = 2.0,
    ) -> None:
        self.material_ids = None if material_ids is None else list(dict.fromkeys(material_ids))
        self.phonon_method = phonon_method
        self.api_key = api_key
        self.endpoint = endpoint
        self.max_tries = max_tries
        self.pause = pause
        self._clients = threading.local()
        self._failures = 0  # in a row, over all threads

    def entries(self) -> Iterator[Entry]:
        """Look the ids up and yield each of them, those without phonons too.

        Yields
        ------
        Entry
            The id, and what the look-up gave; None if it gave nothing.

        Raises
        ------
        MissingExtraError
            mp-api is not installed.
        SourceUnavailableError
            There is no key, it is refused, or the server does not answer.
        """
        if self.material_ids is None:
            found = self._call(
                lambda client: client.materials.summary.search(has_props=["phonon"], fields=_FIELDS)
            )
            for facts in sorted((_facts(document) for document in found), key=_id_of):
                yield Entry(_id_of(facts), facts)
            return
        for start in range(0, len(self.material_ids), _CHUNK):
            chunk = self.material_ids[start : start + _CHUNK]
            well_formed = [material_id for material_id in chunk if _normal(material_id)]
            known = {_id_of(facts): facts for facts in self._look_up(well_formed)}
            for material_id in chunk:
                yield Entry(material_id, known.get(_normal(material_id) or ""))

    def read(self, entry: Entry) -> PhononRecord:
        """Fetch the band structure and the density of states of one material.

        Parameters
        ----------
        entry : Entry
            One of :meth:`entries`.

        Returns
        -------
        PhononRecord
            The calculation.

        Raises
        ------
        SkippedEntryError
            The material is unknown, has no phonons, or they cannot be fetched.
        PhononDocumentError
            The document has no structure.
        """
        facts = entry.payload
        if facts is None:
            raise SkippedEntryError(
                f"expected a material of the Materials Project, got {entry.key}, which it does "
                "not know; check the id",
                reason="unknown material",
            )
        ids = (facts["phonon_IDs"] or {}).get(self.phonon_method) or []
        if not ids:
            raise SkippedEntryError(
                f"expected {self.phonon_method} phonons of {entry.key}, found none; the "
                "Materials Project has not computed them"
            )
        phonon_id = str(ids[0])
        bands = self._fetch(
            lambda client: _bands(client.materials.phonon, phonon_id, self.phonon_method), entry.key
        )
        dos = self._fetch(
            lambda client: client.materials.phonon.get_dos_from_phonon_id(
                phonon_id, self.phonon_method
            ),
            entry.key,
        )
        structure = bands.structure or getattr(dos, "structure", None)
        if structure is None:
            raise PhononDocumentError(
                f"expected the phonon document {phonon_id} of {entry.key} to have a structure, "
                "got none; leave the material out"
            )
        return PhononRecord(
            material_id=_id_of(facts),
            bands=bands,
            dos=dos,
            structure=structure,
            source_id=phonon_id,
            document_date=self._date(phonon_id, entry.key),
            formation_energy_per_atom=facts["formation_energy_per_atom"],
            bandgap=facts["band_gap"],
        )

    def fingerprint(self) -> dict[str, Any]:
        """Return the ids, the method and the server.

        Returns
        -------
        dict
            ``material_ids``, ``phonon_method``, ``endpoint``.
        """
        return {
            "material_ids": self.material_ids,
            "phonon_method": self.phonon_method,
            "endpoint": self.endpoint,
        }

    def count(self) -> int | None:
        """Return the number of ids, where they are given.

        Returns
        -------
        int or None
            Number of ids.
        """
        return None if self.material_ids is None else len(self.material_ids)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the clients out: they hold connections."""
        return {name: value for name, value in self.__dict__.items() if name != "_clients"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._clients = threading.local()

    def _look_up(self, ids: list[str]) -> Iterable[dict[str, Any]]:
        """Look ids up at once, or in halves where one of them spoils the whole request."""
        if not ids:
            return []
        try:
            found = self._call(
                lambda client: client.materials.summary.search(material_ids=ids, fields=_FIELDS)
            )
            return [_facts(document) for document in found]
        except SourceUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - the client raises several kinds
            if len(ids) == 1:
                logger.warning(f"{ids[0]} cannot be looked up: {error}")
                return []
            half = len(ids) // 2
            return [*self._look_up(ids[:half]), *self._look_up(ids[half:])]

    def _date(self, phonon_id: str, material_id: str) -> str | None:
        """Return when the phonon document was last updated."""
        found = self._fetch(
            lambda client: client.materials.phonon.search(
                identifiers=[phonon_id],
                phonon_method=self.phonon_method,
                fields=["identifier", "last_updated"],
            ),
            material_id,
        )
        changed = getattr(found[0], "last_updated", None) if found else None
        return None if changed is None else changed.isoformat()

    def _fetch(self, request: Callable[[Any], Result], material_id: str) -> Result:
        """Make one request for one material, whose failure is that material's.

        A few failures in a row are the server's, and end the build.
        """
        try:
            result = self._call(request)
        except MissingExtraError:
            raise
        except Exception as error:
            if isinstance(error, SourceUnavailableError):
                self._failures += 1
                if self._failures >= _FAILURES_IN_A_ROW or error.__cause__ is None:
                    raise
            missing = "No phonon" in str(error)
            raise SkippedEntryError(
                f"expected the phonons of {material_id} from the Materials Project, but they could "
                f"not be fetched ({type(error).__name__}: {error}); ask for this id again later",
                reason="no phonon data" if missing else "not fetched",
            ) from error
        self._failures = 0
        return result

    def _call(self, request: Callable[[Any], Result]) -> Result:
        """Make a request, again and again while the trouble is of the passing kind."""
        pause = self.pause
        for attempt in range(1, self.max_tries + 1):
            try:
                return request(self._client())
            except MissingExtraError:
                raise
            except Exception as error:
                text = f"{type(error).__name__}: {error}"
                if _FATAL_STATUS.search(text):
                    raise SourceUnavailableError(
                        "expected the Materials Project to accept the API key, but it refused it; "
                        "set MP_API_KEY to the key of your account"
                    ) from error
                if not _PASSING.search(text):
                    raise
                if attempt == self.max_tries:
                    raise SourceUnavailableError(
                        f"expected an answer of the Materials Project, got none in {attempt} tries "
                        f"({text[:200]}); start the build again later, it goes on where it was"
                    ) from error
                # so that parallel clients that were sent away together don't return together
                wait = pause * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
                logger.info(f"try {attempt} failed ({text[:120]}), the next in {wait:.1f} s")
                time.sleep(wait)
                pause *= 2.0
        raise AssertionError("max_tries is at least 1")

    def _client(self) -> Any:
        """Return this thread's client."""
        if not hasattr(self._clients, "client"):
            self._clients.client = _make_client(self.api_key, self.endpoint)
        return self._clients.client


def _make_client(api_key: str | None, endpoint: str | None) -> Any:
    """Return a client of mp-api, after making sure that it has a key."""
    try:
        from mp_api.client import MPRester
    except ImportError as error:
        raise MissingExtraError(
            "expected mp-api to ask the Materials Project, found none; "
            "pip install 'matminer-phonon-tl[mp]'"
        ) from error
    from pymatgen.core import SETTINGS

    key = api_key or os.environ.get("MP_API_KEY") or SETTINGS.get("PMG_MAPI_KEY")
    if not key:
        raise SourceUnavailableError(
            "expected an API key of the Materials Project, found none; set the environment "
            "variable MP_API_KEY to the key of your account"
        )
    return MPRester(key, endpoint=endpoint, mute_progress_bars=True)


def _bands(phonons: Any, phonon_id: str, method: str) -> Any:
    """Return a band structure, in whatever convention its path is."""
    try:
        return phonons.get_bandstructure_from_phonon_id(phonon_id, method)
    except Exception as error:
        if "No phonon bandstructure data" not in str(error):
            raise
        return phonons.get_bandstructure_from_phonon_id(phonon_id, method, path_type=None)


def _facts(document: Any) -> dict[str, Any]:
    """Return what a row needs of a summary document."""
    facts = {name: getattr(document, name, None) for name in _FIELDS}
    facts["material_id"] = _normal(facts["material_id"]) or str(facts["material_id"])
    return facts


def _id_of(facts: dict[str, Any]) -> str:
    """Return the id of a summary document."""
    return str(facts["material_id"])


def _normal(material_id: Any) -> str | None:
    """Return an id in its classic spelling, ``mp-149``, whichever it comes in; None if it is none.

    Newer servers write ``mp-ft`` or ``mp-aaaaaaft`` for the same material.
    """
    from emmet.core.mpid import validate_identifier

    try:
        identifier = validate_identifier(str(material_id), serialize=False)
    except (ValueError, TypeError):
        return None
    return str(getattr(identifier, "string", identifier))

"""The Materials Project's phonons through mp-api 0.46.5 and later."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Literal, TypeVar

from matminer_phonon_tl.datasets.sources.base import (
    Entry,
    PhononRecord,
    PhononSource,
    SkippedEntryError,
    SourceUnavailableError,
)
from matminer_phonon_tl.datasets.sources.mp_client import RetryingClient
from matminer_phonon_tl.exceptions import MissingExtraError, PhononDocumentError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_CHUNK = 500
_PARALLEL = 4
_FAILURES_IN_A_ROW = 3
_FIELDS = ["material_id", "phonon_IDs", "formation_energy_per_atom", "band_gap"]


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
        self.client = RetryingClient(api_key, endpoint, max_tries=max_tries, pause=pause)
        self._failures = 0  # in a row, over all threads

    @property
    def max_jobs(self) -> int:
        """What mp-api allows itself, and never more than the four of the project's terms."""
        try:
            from mp_api.client.core.settings import MAPI_CLIENT_SETTINGS
        except ImportError:
            return _PARALLEL
        return min(_PARALLEL, int(MAPI_CLIENT_SETTINGS.NUM_PARALLEL_REQUESTS))

    def entries(self) -> Iterator[Entry]:
        """Look the ids up and yield each of them with what that gave, those without phonons too.

        Raises MissingExtraError where mp-api is not installed, SourceUnavailableError where there
        is no key, it is refused, or the server does not answer.
        """
        self.client.call(lambda client: client)  # whatever is wrong with the set-up shows here
        if self.material_ids is None:
            found = self.client.call(
                lambda client: client.materials.summary.search(has_props=["phonon"], fields=_FIELDS)
            )
            everything = sorted((_facts(document) for document in found), key=_id_of)
            for start in range(0, len(everything), _CHUNK):
                for facts in self._with_dates(everything[start : start + _CHUNK]):
                    yield Entry(_id_of(facts), facts)
            return
        for start in range(0, len(self.material_ids), _CHUNK):
            chunk = self.material_ids[start : start + _CHUNK]
            well_formed = [material_id for material_id in chunk if _normal(material_id)]
            found = self._with_dates(self._look_up(well_formed))
            known = {_id_of(facts): facts for facts in found}
            for material_id in chunk:
                yield Entry(material_id, known.get(_normal(material_id) or ""))

    def read(self, entry: Entry) -> PhononRecord:
        """Fetch the band structure and the density of states of one material.

        Raises SkippedEntryError where the material is unknown, has no phonons, or they cannot be
        fetched, PhononDocumentError where the document has no structure.
        """
        facts = entry.payload
        if facts is None:
            raise SkippedEntryError(
                f"expected a material of the Materials Project, got {entry.key}, which it does "
                "not know; check the id",
                reason="unknown material",
            )
        phonon_id = self._phonon_id(facts)
        if phonon_id is None:
            raise SkippedEntryError(
                f"expected {self.phonon_method} phonons of {entry.key}, found none; the "
                "Materials Project has not computed them"
            )
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
            document_date=facts.get("last_updated"),
            formation_energy_per_atom=facts["formation_energy_per_atom"],
            bandgap=facts["band_gap"],
        )

    def fingerprint(self) -> dict[str, Any]:
        """Return the ids, the method and the server."""
        return {
            "material_ids": self.material_ids,
            "phonon_method": self.phonon_method,
            "endpoint": self.client.endpoint,
        }

    def count(self) -> int | None:
        """Return the number of ids, where they are given."""
        return None if self.material_ids is None else len(self.material_ids)

    def _look_up(self, ids: list[str]) -> list[dict[str, Any]]:
        """Look ids up at once, or in halves where one of them spoils the whole request."""
        if not ids:
            return []
        try:
            found = self.client.call(
                lambda client: client.materials.summary.search(material_ids=ids, fields=_FIELDS)
            )
            return [_facts(document) for document in found]
        except (MissingExtraError, SourceUnavailableError):
            raise
        except Exception as error:  # noqa: BLE001 - the client raises several kinds
            if len(ids) == 1:
                logger.warning(f"{ids[0]} cannot be looked up: {error}")
                return []
            half = len(ids) // 2
            return [*self._look_up(ids[:half]), *self._look_up(ids[half:])]

    def _phonon_id(self, facts: dict[str, Any]) -> str | None:
        """Return the id of a material's phonon document, if it has one."""
        ids = (facts["phonon_IDs"] or {}).get(self.phonon_method) or []
        return str(ids[0]) if ids else None

    def _with_dates(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add to each material when its phonon document was last updated, in one request."""
        ids = [phonon_id for facts in found if (phonon_id := self._phonon_id(facts))]
        if not ids:
            return found
        documents = self.client.call(
            lambda client: client.materials.phonon.search(
                identifiers=ids,
                phonon_method=self.phonon_method,
                fields=["identifier", "last_updated"],
            )
        )
        dates = {_normal(document.identifier): document.last_updated for document in documents}
        for facts in found:
            changed = dates.get(_normal(self._phonon_id(facts)))
            facts["last_updated"] = None if changed is None else changed.isoformat()
        return found

    def _fetch(self, request: Callable[[Any], Result], material_id: str) -> Result:
        """Make one request for one material, whose failure is that material's.

        A few failures in a row are the server's, and end the build.
        """
        try:
            result = self.client.call(request)
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

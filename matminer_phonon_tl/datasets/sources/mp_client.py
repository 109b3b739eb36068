"""mp-api's client, asked again while the trouble is of the passing kind."""

import logging
import os
import random
import re
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from matminer_phonon_tl.datasets.sources.base import SourceUnavailableError
from matminer_phonon_tl.exceptions import MissingExtraError, needs

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_FATAL_STATUS = re.compile(r"status code (401|403)\b")
# what goes away by itself: too many requests, a server in trouble, a cut connection
_PASSING = re.compile(
    r"status code (429|5\d\d)\b|too many \d+ error responses|timed? ?out|connection|"
    r"max retries exceeded|broken|incomplete|reset|temporarily|generic s3 error|error sending",
    re.IGNORECASE,
)


class RetryingClient:
    """A client of the Materials Project for each thread, and patience.

    mp-api itself tries three times more on 429, 502 and 504, within a second; that is too short
    for a server that asks to be left alone.

    Parameters
    ----------
    api_key : str or None
        Key of the Materials Project; the environment variable ``MP_API_KEY`` if None, or
        pymatgen's setting ``PMG_MAPI_KEY``.
    endpoint : str or None
        Another server of the same kind.
    max_tries : int
        How often a request is made in all.
    pause : float
        Seconds before the second try; doubled before each further one.

    Examples
    --------
    >>> RetryingClient(None, None, max_tries=6, pause=2.0).max_tries
    6
    """

    def __init__(
        self, api_key: str | None, endpoint: str | None, *, max_tries: int, pause: float
    ) -> None:
        self.api_key = api_key
        self.endpoint = endpoint
        self.max_tries = max_tries
        self.pause = pause
        self._clients = threading.local()

    def call(self, request: Callable[[Any], Result]) -> Result:
        """Return what ``request`` makes of an ``MPRester``, tried again while the trouble passes.

        Raises SourceUnavailableError where the key is missing or refused or there was no answer in
        ``max_tries`` tries, MissingExtraError where mp-api is not installed, and what the client
        raises for other reasons.
        """
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

    def __getstate__(self) -> dict[str, Any]:
        """Leave the clients out: they hold connections."""
        return {name: value for name, value in self.__dict__.items() if name != "_clients"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._clients = threading.local()

    def _client(self) -> Any:
        """Return this thread's client."""
        if not hasattr(self._clients, "client"):
            self._clients.client = _make_client(self.api_key, self.endpoint)
        return self._clients.client


def _make_client(api_key: str | None, endpoint: str | None) -> Any:
    """Return a client of mp-api, after making sure that it has a key."""
    with needs("mp", "mp-api to ask the Materials Project"):
        from mp_api.client import MPRester
    from pymatgen.core import SETTINGS

    key = api_key or os.environ.get("MP_API_KEY") or SETTINGS.get("PMG_MAPI_KEY")
    if not key:
        raise SourceUnavailableError(
            "expected an API key of the Materials Project, found none; set the environment "
            "variable MP_API_KEY to the key of your account"
        )
    if len(key) != 32:
        raise SourceUnavailableError(
            f"expected an API key of the Materials Project of 32 characters, got one of "
            f"{len(key)}; set MP_API_KEY to the key of your account"
        )
    try:
        return MPRester(key, endpoint=endpoint, mute_progress_bars=True)
    except (KeyError, ValueError) as error:
        # the client takes an error page for the heartbeat it asks for, and stumbles over it
        raise ConnectionError("connection: the server's heartbeat could not be read") from error

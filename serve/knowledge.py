"""What is known about the served model, remembered for a while."""

from __future__ import annotations

import threading
import time

from experiments.registry import ModelInfo, RegistryError, describe

REMEMBER_SECONDS = 30.0


class Knowledge:
    """The champion's description, asked of the registry at most every thirty seconds.

    When the registry is away, what was known stays known.

    Parameters
    ----------
    model_name
        Registered model.
    """

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name
        self._lock = threading.Lock()
        self._known: ModelInfo | None = None
        self._asked = float("-inf")
        self.error = ""

    def model(self, version: str = "") -> ModelInfo | None:
        """Return what is known, None when nothing is.

        Parameters
        ----------
        version
            The version that just answered; another one than known is asked for at once.
        """
        with self._lock:
            stale = time.monotonic() - self._asked > REMEMBER_SECONDS
            other = bool(version) and self._known is not None and self._known.version != version
            if stale or other:
                self._ask()
            return self._known

    def _ask(self) -> None:
        self._asked = time.monotonic()
        try:
            self._known = describe(self.model_name)
            self.error = ""
        except RegistryError as error:
            self.error = str(error)

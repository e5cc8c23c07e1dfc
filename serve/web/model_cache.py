"""What is known about the served model, remembered for a while."""

from __future__ import annotations

import threading
import time

from experiments.registry.client import CHAMPION, ModelInfo, RegistryError, describe
from segmentation.errors import SegmentationError

REMEMBER_SECONDS = 30.0
WAIT_SECONDS = 2.0
# A registry that was never asked before needs seconds to be connected.
FIRST_SECONDS = 15.0


class Knowledge:
    """Descriptions of the champion and of the versions that answered.

    The registry is asked in the background, for the champion at most every thirty seconds: a
    registry that is slow or away never holds up a page that has something to show. What was
    known stays known.

    Parameters
    ----------
    model_name
        Registered model.
    wait_seconds, first_seconds
        Seconds to wait for the registry where nothing is known yet: in general, and for its very
        first answer.
    """

    def __init__(
        self,
        model_name: str,
        wait_seconds: float = WAIT_SECONDS,
        first_seconds: float = FIRST_SECONDS,
    ) -> None:
        self.model_name = model_name
        self.wait_seconds = wait_seconds
        self.first_seconds = first_seconds
        self._answered = False
        self._lock = threading.Lock()
        self._last_request = float("-inf")
        self._reachable = False
        self._descriptions: dict[str, ModelInfo] = {}
        self._requests: dict[str, threading.Thread] = {}

    def model(self) -> ModelInfo | None:
        """Return what is known of the champion, None when nothing is."""
        if time.monotonic() - self._last_request > REMEMBER_SECONDS:
            self._last_request = time.monotonic()
            self._ask(CHAMPION)
        return self._answer(CHAMPION)

    def version(self, number: str) -> ModelInfo | None:
        """Return what is known of the version that answered, None when nothing is.

        It is another one than the champion when the alias was moved while the scoring server
        kept running. A version met for the first time makes the champion stale.
        """
        champion = self.model()
        if champion is not None and champion.version == number:
            return champion
        if number not in self._descriptions:
            self._last_request = float("-inf")
            self._ask(number)
        return self._answer(number)

    def refresh(self) -> None:
        """Ask for the champion now, and wait for the answer a while."""
        self._last_request = time.monotonic()
        self._ask(CHAMPION)
        asking = self._requests.get(CHAMPION)
        if asking is not None:
            asking.join(self.wait_seconds)

    def unanswered(self) -> bool:
        """Tell whether the registry has yet to answer for the first time."""
        return not self._answered

    def reachable(self) -> bool:
        """Tell whether the registry described the champion when it was last asked, in time."""
        self.model()
        waiting = (
            CHAMPION in self._requests and time.monotonic() - self._last_request > self.wait_seconds
        )
        return self._reachable and not waiting

    def _ask(self, alias: str) -> None:
        """Ask in the background, unless an earlier question is still open."""
        with self._lock:
            if alias not in self._requests:
                thread = threading.Thread(target=self._describe, args=(alias,), daemon=True)
                self._requests[alias] = thread
                thread.start()

    def _answer(self, alias: str) -> ModelInfo | None:
        """Return what is known, after a short wait where nothing is."""
        with self._lock:  # a thread that is there has begun
            asking = self._requests.get(alias)
        if asking is not None and alias not in self._descriptions:
            asking.join(self.wait_seconds if self._answered else self.first_seconds)
        return self._descriptions.get(alias)

    def _describe(self, alias: str) -> None:
        try:
            self._descriptions[alias] = describe(self.model_name, alias)
            self._reachable = True
        except (RegistryError, SegmentationError, KeyError):
            # A KeyError or a malformed schema: described by another release of this project.
            self._reachable = False
        finally:
            self._answered = True
            with self._lock:
                del self._requests[alias]

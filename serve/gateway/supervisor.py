"""Follow the champion alias: the new version beside the old one, then instead of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from experiments.registry.client import CHAMPION, RegistryError, alias_version
from segmentation.errors import SegmentationError
from serve.gateway.backend import Backend
from serve.logs import write_event
from serve.processes import ServiceError

POLL_SECONDS = 2.0
DRAIN_POLL_SECONDS = 0.05
LONGEST_BACKOFF = 30.0
# A version that did not come up is tried again after so long: its trouble may have passed.
FORGIVE_SECONDS = 300.0


@dataclass(frozen=True)
class State:
    """What is served, what the alias names (as last read), and what stands in the way.

    Each is empty for none.
    """

    serving: str
    champion: str
    problem: str


class Supervisor:
    """Keeps the version of an alias served; `make` makes the backend of a version.

    With `idle_seconds` above 0 the server is stopped when no request came for so long, until the
    next one.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[str], Backend],
        alias: str = CHAMPION,
        idle_seconds: float = 0.0,
    ) -> None:
        self.name = name
        self.make = make
        self.alias = alias
        self.idle_seconds = idle_seconds
        self._last_request = float("-inf")
        self.missing = self._leaving = False
        self.current: Backend | None = None
        self.champion = ""
        self.problem = ""
        self.changed = asyncio.Event()
        self._announced = asyncio.Event()
        self._refused: dict[str, float] = {}
        self._crashes = 0
        self._crashed: Backend | None = None
        self._draining: set[asyncio.Task[None]] = set()

    @property
    def state(self) -> State:
        """What is served now."""
        return State(self.current.version if self.current else "", self.champion, self.problem)

    def suspect(self, backend: Backend) -> bool:
        """Take a version out at once if none of its servers runs; return whether one ended."""
        if not backend.alive() and backend is self.current:
            self.current, self._crashed = None, backend
            self._write("crashed", backend.version, logging.ERROR)
        return not backend.whole()

    def _write(self, event: str, version: str, level: int = logging.INFO, **why: str) -> None:
        """Log what became of a version."""
        write_event(event, level, alias=self.alias, version=version, **why)

    @property
    def needed(self) -> bool:
        """Whether a scoring server should run now."""
        return not self.idle_seconds or time.monotonic() - self._last_request < self.idle_seconds

    async def some_backend(self) -> Backend:
        """Return the scoring server of the moment; wait for one where there is none.

        Raises
        ------
        TimeoutError
            When an alias that need not exist does not, or after :meth:`leave`.
        """
        self._last_request = time.monotonic()
        while self.current is None:
            if self.missing or self._leaving:
                raise TimeoutError(self.problem)
            await self.changed.wait()
        return self.current

    def leave(self) -> None:
        """Let nobody wait for a scoring server any more."""
        self._leaving = True
        self._tell()

    def _tell(self) -> None:
        """Wake the requests that wait for a scoring server."""
        self.changed.set()
        self.changed = asyncio.Event()

    def look(self) -> None:
        """Read the registry now, or once more after what is under way."""
        self._announced.set()

    async def run(self) -> None:
        """Follow the alias until cancelled; then stop every scoring server."""
        try:
            while True:
                self._announced.clear()
                if self.needed:
                    await self._look()
                elif self.current is not None:
                    idle, self.current = self.current, None
                    await self._drain(idle)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._announced.wait(), POLL_SECONDS)
        finally:
            for task in self._draining:
                task.cancel()
            await asyncio.gather(*self._draining, return_exceptions=True)
            if self.current is not None:
                await _stopped(self.current)
                self._write("drained", self.current.version)

    async def _look(self) -> None:
        try:
            self.champion = await asyncio.to_thread(alias_version, self.name, self.alias)
            self.missing = False
        except RegistryError as error:
            self.missing = bool(self.idle_seconds)
            self._tell()
            self.problem = (
                f"{str(error).rstrip('.')}. Version {self.state.serving or 'none'} keeps serving."
            )
            return
        if self.current is not None:
            self.suspect(self.current)
        if self._crashed is not None:
            await self._restart(self._crashed)
        elif self.current is not None and not self.current.whole():
            await self._restart_ended(self.current)
        elif self.current is None or self.current.version != self.champion:
            if time.monotonic() - self._refused.get(self.champion, -FORGIVE_SECONDS) > (
                FORGIVE_SECONDS
            ):
                await self._switch(self.champion)
        elif self._crashes == 0:
            self.problem = ""

    async def _restart(self, old: Backend) -> None:
        """Start the version that crashed again, later each time it crashes."""
        self._crashed = None
        await _stopped(old)
        self.problem = f"The scoring server of version {old.version} ended; it is started again."
        await asyncio.sleep(min(2.0**self._crashes - 1, LONGEST_BACKOFF))
        self._crashes += 1
        self._refused.pop(old.version, None)
        await self._switch(self.champion)
        if self.current is not None:
            self._crashes, self.problem = 0, ""

    async def _restart_ended(self, backend: Backend) -> None:
        """Start the servers of a version again that ended while others run."""
        self.problem = f"A scoring server of version {backend.version} ended; it is started again."
        self._write("crashed", backend.version, logging.ERROR)
        try:
            await _finished(backend, backend.restart_ended)
        except ServiceError as error:
            self.problem = f"{str(error).rstrip('.')}. Fewer servers than wanted run."
        else:
            self.problem = ""

    async def _switch(self, version: str) -> None:
        """Let a version take over once it answers; leave everything as it is when it does not."""
        try:
            fresh = self.make(version)
            await _finished(fresh, fresh.start)
        except (RegistryError, SegmentationError, ServiceError) as error:
            self._refused[version] = time.monotonic()
            keeps = f" Version {self.state.serving} keeps serving." if self.current else ""
            self.problem = f"Version {version} did not come up: {str(error).rstrip('.')}.{keeps}"
            self._write("refused", version, logging.ERROR, problem=self.problem)
            return
        old, self.current = self.current, fresh
        self.problem = ""
        self._write("switched" if old else "started", version)
        self._tell()
        if old is not None:
            task = asyncio.create_task(self._drain(old))
            self._draining.add(task)
            task.add_done_callback(self._draining.discard)

    async def _drain(self, old: Backend) -> None:
        """Stop a server when it has answered what it was asked."""
        try:
            while old.in_flight:
                await asyncio.sleep(DRAIN_POLL_SECONDS)
        finally:
            with suppress(asyncio.CancelledError):
                await _stopped(old)
                self._write("drained", old.version)


async def _stopped(backend: Backend) -> None:
    await backend.disconnect()
    await asyncio.to_thread(backend.stop)


async def _finished(backend: Backend, start: Callable[[], None]) -> None:
    """Start scoring servers; if cancelled meanwhile, leave none behind."""
    starting = asyncio.create_task(asyncio.to_thread(start))
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        # The first stop ends the wait for an answer, the second what was started in between.
        await asyncio.to_thread(backend.stop)
        await asyncio.gather(starting, return_exceptions=True)
        await asyncio.to_thread(backend.stop)
        raise

"""Who may sign in: a file of names, roles and password hashes; who is signed in now."""

from __future__ import annotations

import logging
import re
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from filelock import FileLock
from werkzeug.security import check_password_hash, generate_password_hash

from segmentation.data.atomic import make_private, write_whole

VIEWER, AUDITOR, PROMOTER = "viewer", "auditor", "promoter"
ROLES = (VIEWER, AUDITOR, PROMOTER)
LONGEST_NAME = 64
NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._@-]{{0,{LONGEST_NAME - 1}}}")
SHORTEST_PASSWORD = 10
# OWASP's password storage cheat sheet for scrypt, with 32 MB: n, r and p.
METHOD = "scrypt:32768:8:3"
SIGNED_IN_SECONDS = 12 * 3600.0
LOG = logging.getLogger(__name__)


class PeopleError(ValueError):
    """The file of people cannot be used; the message says where and what was expected."""


@dataclass(frozen=True)
class Person:
    """A person who may sign in, with a role and a password hash of werkzeug."""

    name: str
    role: str
    password_hash: str


class People:
    """The file of people: a line ``name:role:hash`` each; read anew whenever it changed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._version: tuple[int, ...] | None = None
        self._by_name: dict[str, Person] | None = None

    def find(self, name: str) -> Person | None:
        """Return a person by name.

        Once the file was read, its last good content stays in force until it can be read again;
        what is wrong is logged.

        Raises
        ------
        PeopleError
            When the file is missing or a line of it is none, and never was good before.
        """
        version = self._version_of_file()
        if self._by_name is None or version != self._version:
            try:
                self._by_name = self._read()
            except PeopleError as error:
                if self._by_name is None:
                    raise
                LOG.error("%s. The people read before may still sign in.", str(error).rstrip("."))
            self._version = version
        return self._by_name.get(name)

    def _version_of_file(self) -> tuple[int, ...]:
        try:
            status = self.file.stat()
        except OSError:
            return ()
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _read(self) -> dict[str, Person]:
        try:
            text = self.file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
            raise PeopleError(
                f"SEGMENTATION_AUTH={str(self.file)!r}: expected a file of people "
                f"({reason}). Make one with: python -m serve.web.auth add NAME"
            ) from error
        return {person.name: person for person in _people(text, self.file)}

    def signed_in(self, name: str, password: str) -> Person | None:
        """Return the person if the password is theirs; it takes as long if there is no such one.

        A hash of other parameters than today's is replaced.
        """
        person = self.find(name)
        right = check_password_hash(
            person.password_hash if person else _hash_of_no_password(), password
        )
        if person is None or not right:
            return None
        if not person.password_hash.startswith(f"{METHOD}$"):
            self._rehash(person, password)
        return person

    def _rehash(self, person: Person, password: str) -> None:
        """Write a person's password down with today's parameters; signing in works without too."""
        fresh = replace(person, password_hash=_hashed(password))
        try:
            with self._locked():
                if self._read().get(person.name) == person:  # else changed meanwhile
                    self._write(fresh)
        except (OSError, PeopleError) as error:
            LOG.warning("%s: a password keeps its older hash (%s)", self.file, error)

    def add(self, name: str, role: str, password: str) -> None:
        """Add a person, or give one another role and password.

        Raises
        ------
        PeopleError
            When the name, the role or the password will not do.
        """
        if not NAME.fullmatch(name):
            raise PeopleError(f"name={name!r}: expected letters, digits, '.', '_', '@' or '-'")
        if role not in ROLES:
            raise PeopleError(f"role={role!r}: expected {VIEWER}, {AUDITOR} or {PROMOTER}")
        if len(password) < SHORTEST_PASSWORD:
            raise PeopleError(f"password: expected at least {SHORTEST_PASSWORD} characters")
        with self._locked():
            if self.file.exists():
                self._read()
            self._write(Person(name, role, _hashed(password)))

    def _locked(self) -> FileLock:
        return FileLock(f"{self.file}.lock", timeout=10)

    def _write(self, person: Person) -> None:
        """Replace a person's line, or add one; all other lines stay as they are."""
        text = self.file.read_text(encoding="utf-8") if self.file.exists() else ""
        lines = [line for line in text.splitlines() if line.partition(":")[0] != person.name]
        lines.append(f"{person.name}:{person.role}:{person.password_hash}")
        write_whole(self.file, "".join(f"{line}\n" for line in lines), private=True)


def _hashed(password: str) -> str:
    return generate_password_hash(password, METHOD)


@cache
def _hash_of_no_password() -> str:
    """Return a hash to check where there is no such person, so that the time is the same."""
    return _hashed(secrets.token_hex(16))


def _people(text: str, file: Path) -> Iterator[Person]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        role, _, password_hash = rest.partition(":")
        if not NAME.fullmatch(name) or role not in ROLES or not password_hash:
            raise PeopleError(
                f"{file}, line {number}: expected name:role:hash, role {VIEWER}, {AUDITOR} or "
                f"{PROMOTER}. "
                "Write lines with: python -m serve.web.auth add NAME"
            )
        yield Person(name, role, password_hash)


class SignIns:
    """Who is signed in: a random key each, forgotten at sign-out, so a copied cookie ends too."""

    def __init__(self, file: Path) -> None:
        self.file = file
        make_private(file)
        with self._open() as store:
            store.execute("create table if not exists sign_ins (key text primary key, name, until)")

    def begin(self, name: str) -> str:
        """Return a new key for a person."""
        key = secrets.token_urlsafe(24)
        with self._open() as store:
            store.execute("delete from sign_ins where until < ?", (time.time(),))
            until = time.time() + SIGNED_IN_SECONDS
            store.execute("insert into sign_ins values (?, ?, ?)", (key, name, until))
        return key

    def name(self, key: str) -> str:
        """Return who signed in with a key; empty where nobody is (any more)."""
        with self._open() as store:
            question = "select name from sign_ins where key = ? and until > ?"
            row = store.execute(question, (key, time.time())).fetchone()
        return str(row[0]) if row else ""

    def end(self, key: str) -> None:
        """Forget a key."""
        with self._open() as store:
            store.execute("delete from sign_ins where key = ?", (key,))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        store = sqlite3.connect(self.file, timeout=10)
        try:
            with store:
                yield store
        finally:
            store.close()

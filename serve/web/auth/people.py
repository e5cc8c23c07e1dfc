"""Who may sign in: a file of names, roles and password hashes; who is signed in now."""

from __future__ import annotations

import re
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from werkzeug.security import check_password_hash, generate_password_hash

from segmentation.data.atomic import write_whole

VIEWER, PROMOTER = "viewer", "promoter"
ROLES = (VIEWER, PROMOTER)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
SHORTEST_PASSWORD = 10
SIGNED_IN_SECONDS = 12 * 3600.0


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
        self._read_at = -1.0
        self._by_name: dict[str, Person] = {}

    def find(self, name: str) -> Person | None:
        """Return a person by name.

        Raises
        ------
        PeopleError
            When the file is missing or a line of it is none.
        """
        try:
            changed = self.file.stat().st_mtime
            if changed != self._read_at:
                text = self.file.read_text(encoding="utf-8")
                self._by_name = {person.name: person for person in _people(text, self.file)}
                self._read_at = changed
        except OSError as error:
            raise PeopleError(
                f"SEGMENTATION_AUTH={str(self.file)!r}: expected a file of people "
                f"({error.strerror}). Make one with: python -m serve.web.auth add NAME"
            ) from error
        return self._by_name.get(name)

    def signed_in(self, name: str, password: str) -> Person | None:
        """Return the person if the password is theirs; it takes as long if there is no such one."""
        person = self.find(name)
        right = check_password_hash(
            person.password_hash if person else _hash_of_no_password(), password
        )
        return person if right else None

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
            raise PeopleError(f"role={role!r}: expected {VIEWER} or {PROMOTER}")
        if len(password) < SHORTEST_PASSWORD:
            raise PeopleError(f"password: expected at least {SHORTEST_PASSWORD} characters")
        people: dict[str, Person] = {}
        if self.file.exists():
            self.find(name)
            people = dict(self._by_name)
        people[name] = Person(name, role, generate_password_hash(password))
        lines = "".join(f"{p.name}:{p.role}:{p.password_hash}\n" for p in people.values())
        write_whole(self.file, lines, private=True)


@cache
def _hash_of_no_password() -> str:
    """Return a hash to check where there is no such person, so that the time is the same."""
    return generate_password_hash(secrets.token_hex(16))


def _people(text: str, file: Path) -> Iterator[Person]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        role, _, password_hash = rest.partition(":")
        if not NAME.fullmatch(name) or role not in ROLES or not password_hash:
            raise PeopleError(
                f"{file}, line {number}: expected name:role:hash, role {VIEWER} or {PROMOTER}. "
                "Write lines with: python -m serve.web.auth add NAME"
            )
        yield Person(name, role, password_hash)


class SignIns:
    """Who is signed in: a random key each, forgotten at sign-out, so a copied cookie ends too."""

    def __init__(self, file: Path) -> None:
        self.file = file
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

"""Where a table lies, as people write it, and what of that may be shown: never a credential."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from segmentation.data.files.table_file import not_a_table

# Scheme of an address to the extra of ibis that connects to it. Tests run the first three.
DATABASES = MappingProxyType(
    {"duckdb": "duckdb", "postgresql": "postgres", "postgres": "postgres"}
    | {"bigquery": "bigquery", "snowflake": "snowflake", "trino": "trino"}
    | {"databricks": "databricks", "mysql": "mysql", "mssql": "mssql"}
    | {"clickhouse": "clickhouse", "athena": "athena", "oracle": "oracle"}
)
# Where Arrow reads files; `file` is this machine.
STORES = ("file", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "hdfs")
GLOB = re.compile(r"[*?]|\[.+\]")
# What of an address's parameters may be shown: they say where, and open nothing.
SHOWN = frozenset({"table", "host", "port", "dbname", "schema", "catalog", "warehouse", "sslmode"})
EXAMPLES = (
    "duckdb:///file.db?table=customers, postgresql://host/database?table=customers, "
    "postgresql://host/database?query=SELECT …, folder/*.parquet or s3://bucket/folder"
)


@dataclass(frozen=True)
class Address:
    """A table in a database or warehouse: how to connect, and which table or query."""

    scheme: str
    connection: str = field(repr=False)  # with credentials, where the address has some
    public: str
    table: str = ""
    query: str = field(default="", repr=False)  # may name a customer

    @property
    def path(self) -> Path:
        """The file of a DuckDB address: three slashes for a relative path, four for another."""
        return Path(unquote(urlsplit(self.connection).path.removeprefix("/")))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown: user, password and parameters that may open something."""
        parts = urlsplit(self.connection)
        hidden = [value for key, value in parse_qsl(parts.query) if key not in SHOWN]
        login = [parts.username or "", parts.password or ""]
        both = [*login, *map(unquote, login), *hidden]
        return tuple(sorted({text for text in both if text}, key=len, reverse=True))


def is_elsewhere(source: str) -> bool:
    """Return whether a source is a table that is no single file: a database, folder or glob."""
    return "://" in source or Path(source).is_dir() or _is_glob(source)


def is_database(source: str) -> bool:
    """Return whether a source is an address of a table in a database or warehouse."""
    return source.partition("://")[0] in DATABASES and "://" in source


def _is_glob(source: str) -> bool:
    return bool(GLOB.search(source)) and not Path(source.partition("#")[0]).exists()


def address_of(source: str) -> Address:
    """Return the address of a table in a database.

    Raises
    ------
    DataError
        When the scheme is unknown, or it names not exactly one of table and query.
    """
    scheme = source.partition("://")[0]
    public = public_name(source)
    if scheme not in DATABASES:
        schemes = ", ".join([*DATABASES, *STORES])
        raise not_a_table(public, f"one of the schemes {schemes}", f"For example {EXAMPLES}.")
    parts = urlsplit(source)
    # A `+` in a query is a plus, as people write SQL into an address.
    parameters = dict(parse_qsl(parts.query.replace("+", "%2B"), keep_blank_values=True))
    table, query = parameters.pop("table", ""), parameters.pop("query", "")
    if bool(table) == bool(query):
        raise not_a_table(
            public,
            "either ?table=NAME or ?query=SELECT …",
            f"For example {EXAMPLES}. In a shell, put the address into quotes.",
        )
    rest = urlencode(parameters, quote_via=quote, safe="/")
    connection = f"{scheme}://{parts.netloc}{parts.path}{'?' if rest else ''}{rest}"
    return Address(scheme, connection, public, table, query)


def public_name(source: str) -> str:
    """Return a source as it may be shown and recorded: without login, secrets and the query.

    An address that is recorded reads the same table again where the credentials are in the
    environment. Of a query only its digest stays.
    """
    if "://" not in source:
        return source
    parts = urlsplit(source)
    host = parts.netloc.rpartition("@")[2]
    parameters = []
    for key, value in parse_qsl(parts.query.replace("+", "%2B")):
        if key == "query":
            parameters.append(f"query={digest_of(value)}")
        elif key in SHOWN:
            parameters.append(f"{key}={quote(value, safe='/.')}")
    query = f"?{'&'.join(parameters)}" if parameters else ""
    return f"{parts.scheme}://{host}{parts.path}{query}"


def has_password(source: str) -> bool:
    """Return whether a source is an address with a password in it."""
    if not is_database(source):
        return False
    parts = urlsplit(source)
    return bool(parts.password) or any("pass" in k for k, _ in parse_qsl(parts.query))


def short_name(source: str) -> str:
    """Return a source in a word for titles: the table or file without its place."""
    public = public_name(source)
    if "://" not in public:
        return Path(public).name
    names = dict(parse_qsl(urlsplit(public).query))
    place = Path(urlsplit(public).path).name or public
    return names.get("table") or (f"query {names['query']}" if "query" in names else place)


def digest_of(text: str) -> str:
    """Return the digest by which a query is recognised."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Snapshot:
    """Where a table came from, when, and how many rows it had then."""

    source: str  # without credentials
    rows: int
    taken: str  # in UTC
    query: str = ""  # digest of the SQL that read it; empty for files

    @classmethod
    def now(cls, source: str, rows: int, sql: str = "") -> Snapshot:
        """Return the snapshot of what was read from a source just now."""
        taken = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(public_name(source), rows, taken, digest_of(sql) if sql else "")

    def tags(self) -> dict[str, str]:
        """Return what a run says of its data."""
        tags = {"data_source": self.source, "data_rows": str(self.rows)}
        tags["data_snapshot"] = self.taken
        return tags | ({"data_query": self.query} if self.query else {})

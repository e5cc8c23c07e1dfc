"""What every entry point checks before it starts, and how it ends on what went wrong.

Light to import: what reads tables, and MLflow, is imported where a command that runs needs it, so
that its help comes at once.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from experiments.registry.client import RegistryError, store_message
from segmentation.errors import Problem, SegmentationError

Option = Callable[[Callable[..., Any]], Callable[..., Any]]
FAILED = 2
SKIP = "--skip-bad-rows"


class OutputError(SegmentationError):
    """A file cannot be written where it was asked for."""


@contextmanager
def ending_in_a_sentence(code: int = FAILED) -> Iterator[None]:
    """End the process with an exit code and one message, where something is wrong on the outside.

    What is wrong in the code itself keeps its stack trace.
    """
    import mlflow  # noqa: PLC0415 - see the module's docstring
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    from segmentation.data.row_errors import BadRowsError  # noqa: PLC0415

    try:
        yield
    except BadRowsError as error:
        # A person may see their own values; a file that the message goes into may not.
        message = error.lines(values=sys.stderr.isatty())
        others = f", or use the other {error.n_good:,} with {SKIP}" if error.n_good else ""
        _end(f"{message}\nNothing was written. Correct them{others}.", code)
    except (SegmentationError, RegistryError) as error:
        _end(str(error), code)
    except MlflowException as error:
        _end(store_message(error, mlflow.get_tracking_uri()), code)
    except BrokenPipeError:
        raise  # whoever read the output has read enough
    except OSError as error:
        place = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        remedy = "Check the path, its permissions and the disk."
        _end(f"{place}{error.strerror or error}. {remedy}", code)


@contextmanager
def answering_anyway() -> Iterator[None]:
    """Let a command end with its answer where the store does not record it, and say so."""
    import mlflow  # noqa: PLC0415 - see the module's docstring
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        yield
    except (MlflowException, SegmentationError, OSError) as error:
        reason = store_message(error, mlflow.get_tracking_uri())
        click.echo(f"warning: this is not recorded in MLflow: {reason}", err=True)


def notify(
    remarks: Iterable[str] = (),
    warnings: Iterable[Problem] = (),
    notes: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Say how a file was read and what stands out in it, without what so few customers have.

    `notes` are what a draft noticed, by column.
    """
    for remark in remarks:
        click.echo(f"remark: {remark}", err=True)
    for warning in warnings:
        click.echo(f"warning: {warning.without_customers()}", err=True)
    for name, note in notes.items():
        click.echo(f"note: {name}: {note}", err=True)


def _end(message: str, code: int) -> None:
    click.echo(f"error: {message}", err=True)
    sys.exit(code)


def switch(name: str, text: str, *, show_default: bool = False) -> Option:
    """Return an option that is off; ``--name`` and, as MLproject passes it, ``--name true``."""
    return click.option(
        name,
        type=bool,
        default=False,
        is_flag=False,
        flag_value=True,
        show_default=show_default,
        help=text,
    )


def skip_option(text: str) -> Option:
    """Return the option to leave out rows that cannot be used."""
    return switch(SKIP, text, show_default=True)


class RecordedPasswordError(SegmentationError):
    """A password has been given where it is recorded."""


def check_source(option: str, source: str) -> None:
    """Refuse an address whose password `mlflow run` has recorded before this process began.

    Raises
    ------
    RecordedPasswordError
        With what to do about it.
    """
    from segmentation.data.warehouse.address import has_password, public_name  # noqa: PLC0415

    run_id = os.environ.get("MLFLOW_RUN_ID")
    if run_id and has_password(source):
        raise RecordedPasswordError(
            f"{option}={public_name(source)!r}: `mlflow run` records every parameter, so the "
            f"password now stands in run {run_id}. Delete that run, change the password, and put "
            "it into the environment (PGPASSWORD for PostgreSQL) instead of the address."
        )


def check_output(option: str, path: str, data: str = "", endings: tuple[str, ...] = ()) -> None:
    """Refuse a file that cannot be written, before there is something to write.

    Parameters
    ----------
    option
        The parameter that names it.
    path
        The file; empty for none.
    data
        The input, which must not be overwritten.
    endings
        Endings that decide its format; none for any.

    Raises
    ------
    OutputError
        When its folder does not exist or cannot be written to, it is a folder or the input, or it
        has another ending.
    """
    if not path:
        return
    from segmentation.data.files.table_file import TableFile  # noqa: PLC0415
    from segmentation.data.warehouse.address import is_elsewhere  # noqa: PLC0415

    file = Path(path)
    if data and not is_elsewhere(data) and file.resolve() == TableFile(Path(data)).path.resolve():
        raise OutputError(f"{option}={path!r} is the input; name another file.")
    expected = _shortcoming(file, endings)
    if expected:
        raise OutputError(f"{option}={path!r}: expected {expected}")


def _shortcoming(file: Path, endings: tuple[str, ...]) -> str:
    """Return what was expected of a file, and what to do; empty where it can be written."""
    folder = file.absolute().parent
    if file.is_dir():
        return "a file, found a folder. Name a file in it."
    if endings and file.suffix.lower() not in endings:
        return f"a name that ends in {', '.join(endings[:-1])} or {endings[-1]}. Add the ending."
    if not folder.is_dir():
        return f"a folder that exists, {folder} does not. Make it first."
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"a folder in which files can be written ({folder}: {error.strerror}). Name another."

"""The choice between one process and Spark, and opening a Spark session."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import click

from segmentation.errors import SegmentationError

ENGINES = PROCESS, SPARK = "process", "spark"
ROOT = Path(__file__).resolve().parents[2]
CODE = ("experiments", "segmentation")
FIRST_JAVA = 17
LOOPBACK = "127.0.0.1"
CONFIGURATION = {
    "spark.log.level": "ERROR",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": str(sys.stderr.isatty()).lower(),
}
# Of pyspark: they print an error's whole message, which repeats a value of the table.
LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
# Columns BALANCE and Balance are two; also set on a session that runs already.
CASE = ("spark.sql.caseSensitive", "true")


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options ``--engine`` and ``--master`` to a command."""
    text = "Spark's, for example local[2]; default: its own."
    command = click.option("--master", default="", help=text, callback=_only_for_spark)(command)
    kind = click.Choice(ENGINES)
    # Eager: the check of the master needs the engine.
    return click.option(
        "--engine", type=kind, default=PROCESS, show_default=True, is_eager=True, help="What runs."
    )(command)


def _only_for_spark(context: click.Context, _: click.Parameter, master: str) -> str:
    engine = context.params.get("engine", PROCESS)
    if master and engine != SPARK:
        raise click.UsageError(f"master={master!r} is for engine={SPARK}, found engine={engine}.")
    return master


class SparkError(SegmentationError):
    """Spark cannot be used, or stopped for a reason that is not the table's."""


@contextmanager
def session(master: str) -> Iterator[Any]:
    """Yield the running Spark session, or a new one that ends with the block.

    `master` is Spark's master URL, such as ``local[2]`` or ``spark://host:7077``. Empty, it is
    what ``spark-submit`` sets, else every core of this machine.

    Raises
    ------
    SparkError
        When pyspark or Java is missing or unfit, there is no such master, or a job fails.
    """
    _need_pyspark()
    from py4j.protocol import Py4JError  # noqa: PLC0415 - optional
    from pyspark.errors import PySparkException  # noqa: PLC0415 - optional
    from pyspark.logger import PySparkLogger  # noqa: PLC0415 - optional
    from pyspark.sql import SparkSession  # noqa: PLC0415 - optional

    for name in LOGGERS:
        PySparkLogger.getLogger(name).disabled = True
    running = SparkSession.getActiveSession()
    try:
        spark = running or _started(SparkSession.builder, master)
        try:
            spark.conf.set(*CASE)
            yield spark
        finally:
            if running is None:
                spark.stop()
    except (PySparkException, Py4JError) as error:
        raise SparkError(f"engine='spark': {_sentence(error)}") from error


def _started(builder: Any, master: str) -> Any:
    from py4j.protocol import Py4JError  # noqa: PLC0415 - optional
    from pyspark.errors import PySparkException  # noqa: PLC0415 - optional

    _need_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # pandera sets it when it is imported; no cluster reaches a driver that listens there.
    if not master.startswith("local") and os.environ.get("SPARK_LOCAL_IP") == LOOPBACK:
        del os.environ["SPARK_LOCAL_IP"]
    for key, value in CONFIGURATION.items():
        builder = builder.config(key, value)
    try:
        return (builder.master(master) if master else builder).getOrCreate()
    except (PySparkException, Py4JError) as error:
        raise SparkError(
            f"master={master!r}: Spark does not start: {_sentence(error)}. Expected local[2], "
            "local[*] or the URL of a running cluster such as spark://host:7077; see "
            "Java's output above."
        ) from error


def _need_pyspark() -> None:
    try:
        import pyspark  # noqa: F401, PLC0415 - optional
    except ImportError as error:
        raise SparkError(
            f"engine='spark': found no pyspark ({error}); expected the package of the extra "
            "`spark`. Install it with `make spark`, or use engine=process."
        ) from error


def _need_java() -> None:
    """Check the Java that pyspark will use: that of JAVA_HOME, else the one on the path."""
    home = os.environ.get("JAVA_HOME", "")
    java = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    place = f"JAVA_HOME={home!r}" if home else "the PATH (JAVA_HOME is not set)"
    remedy = "Install one, for example the package openjdk-17-jre-headless, or use engine=process."
    if java is None:
        raise SparkError(
            f"engine='spark': found no java in {place}; expected Java {FIRST_JAVA} or later. "
            f"{remedy}"
        )
    process = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603 - the user's own Java
    version = process.stderr.partition('"')[2].partition('"')[0]
    major = version.partition(".")[0]
    if major.isdecimal() and int(major) < FIRST_JAVA:
        raise SparkError(
            f"engine='spark': found Java {version} in {place}; expected Java {FIRST_JAVA} or "
            f"later. {remedy}"
        )


def _sentence(error: Exception) -> str:
    """Return an error's message without the stack traces of two languages."""
    text = str(error).strip()
    python = re.findall(r"^((?:\w+\.)*\w+(?:Error|Exception): .*)", text, re.MULTILINE)
    java = re.findall(r"^: (?:[\w.$]+: )*(.*)", text, re.MULTILINE)
    return str((python[-1:] or java[:1] or text.splitlines()[:1] or [type(error).__name__])[0])


def send_code(spark: Any) -> None:
    """Send the project's code to all processes of a session, where it may be missing."""
    spark.addArtifacts(_code_archive(), pyfile=True)


@lru_cache(1)
def _code_archive() -> str:
    """Return a zip archive of the code. It lasts as long as this process: workers may join late."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "*.png")
    for room in CODE:
        shutil.copytree(ROOT / room, Path(folder) / "code" / room, ignore=ignore)
    return shutil.make_archive(f"{folder}/segmentation_code", "zip", f"{folder}/code")

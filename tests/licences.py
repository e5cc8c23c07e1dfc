"""The licences of what `pip install .` brings: ``python -m tests.licences``, or ``make licences``.

It reads what is installed and asks nobody. It knows what packages say of themselves, not what their
binaries hold: wheels of NumPy and SciPy bring GCC's libraries under the runtime exception, which
lets programs under any licence use them.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
# GPL, AGPL and LGPL, and what asks likewise that changes, or what is built with it, be published.
COPYLEFT = re.compile(
    r"\bA?L?GPL|General Public|Affero|\bMPL|Mozilla|\bEUPL|European Union Public|\bCDDL|\bEPL|"
    r"Eclipse|\bSSPL|Server Side Public|\bOSL|Open Software License|CeCILL|\bCPAL|\bMS-RL|"
    r"Sleepycat|\bCC-BY-SA",
    re.IGNORECASE,
)
# A package, its licence, and why that is none of the kind that fails. Another licence fails again.
MPL = "covers its own files only, and these are used as they are published"
EXCEPTIONS = {
    "certifi": ("Mozilla Public License 2.0 (MPL 2.0)", MPL),
    "tqdm": ("MPL-2.0 AND MIT", MPL),
}
# How a licence begins that metadata does not name.
TEXTS = {
    "MIT": "Permission is hereby granted, free of charge, to any person obtaining a copy",
    "BSD-3-Clause": "Redistribution and use in source and binary forms, with or without",
    "Apache-2.0": "Apache License",
}


def licence_of(package: Distribution) -> str:
    """Return the licence of a package: as an expression, its classifiers, a name or its text."""
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    named = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier", [])
        if text.startswith("License :: OSI Approved :: ")
    ]
    text = (metadata.get("License") or "").strip().partition("\n")[0]
    if named:
        # Where classifiers leave open whether one may choose, the text may be an expression.
        return text if re.search(r"\b(AND|OR)\b", text) else " AND ".join(named)
    if text and text.upper() != "UNKNOWN":
        return text
    for file in package.files or ():
        if re.match(r"LICEN[CS]E|COPYING", file.name, re.IGNORECASE):
            content = " ".join(file.read_text(encoding="utf-8").split())
            return next((name for name, words in TEXTS.items() if words in content), "")
    return ""


def is_copyleft(licence: str) -> bool:
    """Return whether every choice that a licence leaves is copyleft.

    ``MIT OR GPL-2.0`` lets one choose; of ``MIT AND GPL-2.0`` both hold.
    """
    words = re.findall(r"\(|\)|\bAND\b|\bOR\b|(?:(?!\bAND\b|\bOR\b)[^()])+", licence)
    words = [word.strip() for word in words if word.strip()]

    def either() -> bool:
        result = both()
        while words[:1] == ["OR"]:
            words.pop(0)
            result = both() and result
        return result

    def both() -> bool:
        result = one()
        while words[:1] == ["AND"]:
            words.pop(0)
            result = one() or result
        return result

    def one() -> bool:
        word = words.pop(0) if words else ""
        if word == "(":
            result = either()
            if words[:1] == [")"]:
                words.pop(0)
            return result
        return bool(COPYLEFT.search(word))

    result = either()
    while words:  # a name with brackets, such as "Mozilla Public License 2.0 (MPL 2.0)"
        result = either() or result
    return result


def brought() -> Iterator[Distribution]:
    """Yield every package of the default install, by the lists of what each needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting = [Requirement(text) for text in project["dependencies"]]
    done: set[tuple[str, str]] = set()
    packages: dict[str, Distribution] = {}
    while waiting:
        requirement = waiting.pop()
        for extra in ("", *requirement.extras):
            key = (canonicalize_name(requirement.name), extra)
            if key in done:
                continue
            done.add(key)
            try:
                package = distribution(requirement.name)
            except PackageNotFoundError as error:
                raise SystemExit(f"{requirement.name} is not installed: make setup") from error
            packages[key[0]] = package
            needs = map(Requirement, package.requires or ())
            waiting += [
                need
                for need in needs
                if need.marker is None or need.marker.evaluate({"extra": extra})
            ]
    yield from (packages[name] for name in sorted(packages))


def verdict(name: str, licence: str) -> str:
    """Return why a package of that licence cannot be brought; empty where it can."""
    if name in EXCEPTIONS and EXCEPTIONS[name][0] == licence:
        return ""
    if not licence:
        return "says no licence"
    return f"{licence} is copyleft" if is_copyleft(licence) else ""


def main() -> int:
    """Print every package with its licence; return 1 where one is copyleft or unknown."""
    refused = 0
    for package in brought():
        name, licence = canonicalize_name(package.name), licence_of(package)
        reason = verdict(name, licence)
        because = f"  ({EXCEPTIONS[name][1]})" if name in EXCEPTIONS and not reason else ""
        print(f"{name} {package.version}: {reason or licence}{because}")
        refused += bool(reason)
    print(f"{refused} packages with a licence that is copyleft or not stated")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())

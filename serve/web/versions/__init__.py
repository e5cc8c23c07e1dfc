"""Versions: which is served, which could be; promote and roll back through the same gates."""

from __future__ import annotations

import shlex

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from experiments.registry.client import (
    CHALLENGER,
    CHAMPION,
    GateError,
    RegistryError,
    Version,
    alias_version,
    alternatives,
    evidence,
    history,
    list_versions,
    promote,
    rollback,
)
from serve.web import audit
from serve.web.auth import promoters_only, who
from serve.web.context import knowledge, scoring, settings
from serve.web.forms import MoveForm
from serve.web.scoring_client import AWAY
from serve.web.versions.comparison import SideBySide, side_by_side

pages = Blueprint("versions", __name__)

MOST_MOVES = 20


@pages.get("/versions")
def page() -> str | tuple[str, int]:
    """Show every version and every move of the champion."""
    try:
        versions, moves = list_versions(settings().model_name), history(settings().model_name)
    except RegistryError:
        return _away()
    notice = scoring().notice()
    return render_template(
        "versions/page.html",
        versions=versions,
        moves=list(reversed(moves))[:MOST_MOVES],
        has_challenger=any(CHALLENGER in version.aliases for version in versions),
        has_outcomes=any(version.outcomes for version in versions),
        can_go_back=any(move.from_version for move in moves),
        notice=notice,
        away=notice == AWAY,
    )


@pages.get("/versions/alternatives")
def other_numbers() -> str | tuple[str, int]:
    """Show what more or fewer segments than the champion's would mean."""
    name = settings().model_name
    try:
        number = alias_version(name)
        rows = alternatives(name, number)
        version = _version(int(number))
    except RegistryError:
        return _away()
    return render_template(
        "versions/alternatives.html",
        version=version,
        rows=rows,
        has_outcomes=any(row.outcomes for row in rows),
        command=f"customer-segmentation promote --model-name {shlex.quote(name)} --k",
    )


@pages.get("/versions/<int:number>/promote")
@promoters_only
def ask_promotion(number: int) -> str | tuple[str, int]:
    """Ask for a reason before a version is promoted."""
    try:
        version = _version(number)
        if CHAMPION in version.aliases:
            failure = f"Version {number} is the champion already."
            return _ask("promote", version, MoveForm(), failure=failure), 409
        return _ask("promote", version, MoveForm(seen=_seen()), sides=_sides(str(number)))
    except RegistryError:
        return _away()


@pages.post("/versions/<int:number>/promote")
@promoters_only
def promoted(number: int) -> str | tuple[str, int] | BaseResponse:
    """Promote a version, or say which gate is closed."""
    form, name = MoveForm(), settings().model_name
    try:
        version = _version(number)
        if not form.validate_on_submit():
            return _ask("promote", version, form, sides=_sides(version.number)), 422
        move = promote(
            name,
            version.number,
            reason=form.reason.data or "",
            force=bool(form.force.data),
            who=who(),
            seen=history(name)[: int(form.seen.data or 0)],
        )
    except GateError as error:
        return _ask("promote", version, form, gates=error.gates), 409
    except RegistryError as error:
        return _ask("promote", version, form, failure=str(error)), 409
    forced = bool(form.force.data)
    audit.record("promotion", version=move.to_version, before=move.from_version, forced=forced)
    knowledge().refresh()
    flash(f"Version {version.number} is the champion. It serves as soon as it answers.", "undo")
    return redirect(url_for("versions.page"), code=303)


@pages.get("/versions/rollback")
@promoters_only
def ask_rollback() -> str | tuple[str, int]:
    """Show what the champion before this one is like; ask for a reason before it returns."""
    try:
        return _ask("rollback", None, MoveForm(), sides=_sides(""))
    except RegistryError as error:
        return _ask("rollback", None, MoveForm(), failure=str(error)), 409


@pages.post("/versions/rollback")
@promoters_only
def rolled_back() -> str | tuple[str, int] | BaseResponse:
    """Return to the champion before this one."""
    form = MoveForm()
    if not form.validate_on_submit():
        return _ask("rollback", None, form), 422
    try:
        move = rollback(settings().model_name, reason=form.reason.data or "", who=who())
    except GateError as error:
        return _ask("rollback", None, form, gates=error.gates), 409
    except RegistryError as error:
        return _ask("rollback", None, form, failure=str(error)), 409
    audit.record("roll-back", version=move.to_version, before=move.from_version)
    knowledge().refresh()
    flash(f"Version {move.to_version} is the champion again. It serves as soon as it answers.")
    return redirect(url_for("versions.page"), code=303)


def _ask(kind: str, version: Version | None, form: MoveForm, **more: object) -> str:
    return render_template(
        "versions/move.html",
        kind=kind,
        version=version,
        form=form,
        path=request.root_path + request.path,
        **more,
    )


def _sides(version: str) -> SideBySide | None:
    """Return what to know before a version serves, the one before the champion without a number."""
    return side_by_side(evidence(settings().model_name, version))


def _version(number: int) -> Version:
    """Return a version that exists."""
    versions = list_versions(settings().model_name)
    version = next((v for v in versions if v.number == str(number)), None)
    if version is None:
        abort(404)
    return version


def _seen() -> int:
    """Return how many moves the page showed when the decision began."""
    return len(history(settings().model_name))


def _away() -> tuple[str, int]:
    page = render_template(
        "errors/error.html",
        code=503,
        title="The registry does not answer",
        remedy="Nothing was changed. Try again in a minute.",
    )
    return page, 503

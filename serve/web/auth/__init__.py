"""Signing in: off on this machine, required from any other; viewers look, promoters promote."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from werkzeug.exceptions import SecurityError
from werkzeug.wrappers import Response as BaseResponse

from serve.web.auth.people import PROMOTER, People, SignIns
from serve.web.forms import SignInForm

pages = Blueprint("auth", __name__)
limiter = Limiter(get_remote_address, storage_uri="memory://")

OPEN = frozenset({"auth.sign_in", "static", "bootstrap.static", "health.alive", "health.ready"})
ATTEMPTS = "10 per minute; 60 per hour"
HERE = frozenset({"localhost", "127.0.0.1", "::1"})
# A proxy in front says with these that somebody else asks.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip")
P = ParamSpec("P")
R = TypeVar("R")


class SignedIn(UserMixin):  # type: ignore[misc]
    """A person who is signed in, by the key of this sign-in."""

    def __init__(self, key: str, name: str, role: str) -> None:
        self.id = key
        self.name = name
        self.role = role


def guard(app: Flask, people_file: str, instance: Path) -> None:
    """Let in who may: with a file of people those who sign in, without one this machine only."""
    limiter.init_app(app)
    manager = LoginManager(app)
    manager.user_loader(_load)
    app.extensions["people"] = People(Path(people_file)) if people_file else None
    app.extensions["sign_ins"] = SignIns(instance / "sign_ins.db") if people_file else None
    if people_file:
        app.extensions["people"].find("")  # a file that cannot be used is told at the start
    app.before_request(_admit)
    app.context_processor(lambda: {"may_promote": may_promote(), "signed_in": _name()})


def may_promote() -> bool:
    """Tell whether whoever asks may promote and roll back."""
    if current_app.extensions["people"] is None:
        return True
    return bool(current_user.is_authenticated and current_user.role == PROMOTER)


def who() -> str:
    """Return who asks, for the record; empty where nobody signs in."""
    return _name()


def promoters_only(view: Callable[P, R]) -> Callable[P, R]:
    """Refuse a page to viewers."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if not may_promote():
            abort(403)
        return view(*args, **kwargs)

    return checked


@pages.route("/sign-in", methods=["GET", "POST"])
@limiter.limit(ATTEMPTS, methods=["POST"])
def sign_in() -> str | tuple[str, int] | BaseResponse:
    """Ask for name and password."""
    people, form = current_app.extensions["people"], SignInForm()
    if people is None or current_user.is_authenticated:
        return redirect(url_for("customer.home"))
    if not form.validate_on_submit():
        return render_template("auth/sign_in.html", form=form), 422 if form.errors else 200
    person = people.signed_in(form.name.data or "", form.password.data or "")
    if person is None:
        return render_template("auth/sign_in.html", form=form, wrong=True), 401
    session.clear()
    key = current_app.extensions["sign_ins"].begin(person.name)
    login_user(SignedIn(key, person.name, person.role))
    return redirect(_next(), code=303)


@pages.post("/sign-out")
def sign_out() -> BaseResponse:
    """Forget the sign-in, on the server too."""
    if current_user.is_authenticated:
        current_app.extensions["sign_ins"].end(current_user.id)
    logout_user()
    session.clear()
    return redirect(url_for("auth.sign_in"), code=303)


def _load(key: str) -> SignedIn | None:
    people, sign_ins = current_app.extensions["people"], current_app.extensions["sign_ins"]
    if people is None:
        return None
    person = people.find(sign_ins.name(key))
    return SignedIn(key, person.name, person.role) if person else None


def _admit() -> BaseResponse | None:
    """Let a request through, send it to the sign-in, or refuse it."""
    if isinstance(request.routing_exception, SecurityError):
        raise request.routing_exception  # before anything that needs the host's name
    if current_app.extensions["people"] is None:
        if not _from_here():
            abort(403, "Signing in is required from other machines: set SEGMENTATION_AUTH.")
        return None
    if request.endpoint in OPEN or current_user.is_authenticated:
        return None
    if request.method != "GET":
        abort(403)
    return redirect(url_for("auth.sign_in", next=request.full_path), code=303)


def _from_here() -> bool:
    """Tell whether this machine asks, by its own name, without a proxy between."""
    # A name before an @ is no part of a host; urlsplit would leave it out.
    host = "" if "@" in request.host else (urlsplit(f"//{request.host}").hostname or "").lower()
    address = request.remote_addr
    try:
        near = address is None or ip_address(address).is_loopback
    except ValueError:
        near = False
    return near and host in HERE and not any(name in request.headers for name in FORWARDED)


def _name() -> str:
    return str(current_user.name) if current_user and current_user.is_authenticated else ""


def _next() -> str:
    """Return the page to go to after signing in; never one of another site."""
    target = request.args.get("next", "")
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or not target.startswith("/") or target.startswith("//"):
        return url_for("customer.home")
    return url_for("customer.home") if "\\" in target else target

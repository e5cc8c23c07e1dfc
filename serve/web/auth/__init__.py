"""Signing in: off on this machine, required from any other; viewers look, promoters promote."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from pathlib import Path
from time import time
from typing import ParamSpec, TypeVar
from urllib.parse import parse_qsl, urlencode

from flask import (
    Blueprint,
    Flask,
    Request,
    Response,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_limiter import Limiter
from flask_limiter.errors import RateLimitExceeded
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.routing import BuildError
from werkzeug.wrappers import Response as BaseResponse

from serve.web.auth.authenticating_proxy import AuthenticatingProxy
from serve.web.auth.people import AUDITOR, LONGEST_NAME, PROMOTER, People, SignIns
from serve.web.forms import SignInForm
from serve.web.settings import HERE, SettingError, Settings, host_name

pages = Blueprint("auth", __name__)
OPEN = frozenset({"auth.sign_in", "static", "bootstrap.static", "health.alive", "health.ready"})
ADDRESS_ATTEMPTS = "10 per minute; 60 per hour"
ACCOUNT_ATTEMPTS = "10 per 10 minutes; 100 per day"
# A proxy in front says with these that somebody else asks.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip")
P = ParamSpec("P")
R = TypeVar("R")


def _address() -> str:
    """Return where an attempt comes from: a network of 64 bits where one person has all of it."""
    try:
        address = ip_address(request.remote_addr or "127.0.0.1")
    except ValueError:
        return str(request.remote_addr)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address, 64), strict=False))
    return str(address)


def _account() -> str:
    """Return whose password is tried, whether or not there is such a person."""
    return f"account {request.form.get('name', '')[:LONGEST_NAME]}"


limiter = Limiter(_address, storage_uri="memory://")


class SignedIn(UserMixin):  # type: ignore[misc]
    """A person who is signed in, by the key of this sign-in."""

    def __init__(self, key: str, name: str, role: str) -> None:
        self.id = key
        self.name = name
        self.role = role


def guard(app: Flask, chosen: Settings, instance: Path) -> None:
    """Let in who may: people who sign in here or at a proxy; with neither this machine only.

    Raises
    ------
    SettingError
        When both are set, or what is set of the proxy cannot be used.
    """
    people_file = chosen.auth
    if people_file and chosen.auth_proxy:
        raise SettingError("Set SEGMENTATION_AUTH or SEGMENTATION_AUTH_PROXY, not both.")
    limiter.init_app(app)
    manager = LoginManager(app)
    manager.user_loader(_load)
    manager.request_loader(_load_from_proxy)
    app.extensions["auth_proxy"] = (
        AuthenticatingProxy(chosen.auth_proxy, chosen.auth_secret) if chosen.auth_proxy else None
    )
    app.extensions["people"] = People(Path(people_file)) if people_file else None
    app.extensions["sign_ins"] = SignIns(instance / "sign_ins.db") if people_file else None
    if people_file:
        app.extensions["people"].find("")  # a file that cannot be used is told at the start
    app.before_request(_admit)
    app.context_processor(
        lambda: {
            "may_promote": may_promote(),
            "may_audit": may_audit(),
            "signed_in": "" if chosen.auth_proxy else _name(),  # who may sign out here
        }
    )


def may_promote() -> bool:
    """Tell whether whoever asks may promote and roll back."""
    return _is_one_of(PROMOTER)


def may_audit() -> bool:
    """Tell whether whoever asks may read who did what."""
    return _is_one_of(PROMOTER, AUDITOR)


def _is_one_of(*roles: str) -> bool:
    if not _people_are_named():
        return True
    return bool(current_user.is_authenticated and current_user.role in roles)


def _people_are_named() -> bool:
    """Tell whether people sign in, here or at a proxy."""
    extensions = current_app.extensions
    return extensions["people"] is not None or extensions["auth_proxy"] is not None


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
@limiter.limit(ADDRESS_ATTEMPTS, methods=["POST"])
@limiter.limit(ACCOUNT_ATTEMPTS, key_func=_account, methods=["POST"])
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


@pages.app_errorhandler(RateLimitExceeded)
def too_many(error: RateLimitExceeded) -> Response:  # noqa: ARG001 - Flask passes it
    """Say how long to wait; the same for an account that there is and one that there is not."""
    limit = limiter.current_limit
    seconds = max(1, ceil(limit.reset_at - time())) if limit else 60
    minutes = max(1, round(seconds / 60))
    wait = "a minute" if minutes == 1 else f"{minutes:,} minutes"
    page = render_template(
        "errors/error.html",
        code=429,
        title="Too many attempts",
        remedy=f"Wait {wait}, then try again.",
    )
    return Response(page, 429, {"Retry-After": str(seconds)})


@pages.post("/sign-out")
def sign_out() -> BaseResponse:
    """Forget the sign-in, on the server too."""
    if current_user.is_authenticated:
        current_app.extensions["sign_ins"].end(current_user.id)
    logout_user()
    session.clear()
    return redirect(url_for("auth.sign_in"), code=303)


def _load_from_proxy(asking: Request) -> SignedIn | None:
    """Return whom the proxy names; asked where nobody is signed in here."""
    proxy: AuthenticatingProxy | None = current_app.extensions["auth_proxy"]
    person = proxy.person(asking) if proxy else None
    return SignedIn("", *person) if person else None


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
    if current_app.extensions["auth_proxy"] is not None:
        if request.endpoint not in OPEN and not current_user.is_authenticated:
            abort(403, "Sign in at the proxy in front of these pages, with a role for them.")
        return None
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
    address = request.remote_addr
    try:
        near = address is None or ip_address(address).is_loopback
    except ValueError:
        near = False
    return (
        near
        and host_name(request.host) in HERE
        and not any(name in request.headers for name in FORWARDED)
    )


def _name() -> str:
    return str(current_user.name) if current_user and current_user.is_authenticated else ""


def _next() -> str:
    """Return the page to go to after signing in: one of these pages, with its address made anew."""
    path, _, query = request.args.get("next", "").partition("?")
    try:
        # Matched and built anew: nothing of what was sent can name another host.
        endpoint, values = current_app.url_map.bind("").match(path, method="GET")
        address = url_for(endpoint, **values)
    except (HTTPException, BuildError):
        return url_for("customer.home")
    parameters = urlencode(parse_qsl(query, keep_blank_values=True))
    return f"{address}?{parameters}" if parameters else address

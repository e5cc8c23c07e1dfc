"""The Flask application: pages for people in front of the scoring server."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from flask import Flask, Response, render_template, request, session
from flask_bootstrap import Bootstrap5
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import Forbidden, HTTPException, SecurityError
from werkzeug.middleware.proxy_fix import ProxyFix

from experiments.registry.client import warm_up
from segmentation.interpretation.formatting import percent
from serve.jobs.queue import file_queue
from serve.logs import BRIEF
from serve.web import (
    audit,
    auth,
    customer,
    developers,
    health,
    lists,
    models,
    over_time,
    segments,
    upload,
    versions,
)
from serve.web.context import served_model, settings
from serve.web.model_cache import Knowledge
from serve.web.scoring_client import CHALLENGER_PATH, ScoringClient, ScoringError
from serve.web.settings import MODELS, SettingError, Settings, secret_key
from serve.web.views import field_unit, unbroken, usual

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# No page has this path.
OUTSIDE = f"{MODELS}/-"
HEALTH = frozenset({"/healthz", "/readyz"})
YEAR = f"max-age={365 * 24 * 3600}"
WORDS = {
    400: ("The request cannot be read", "Go back, reload the page and try again."),
    403: ("Not allowed", "You may not see this page."),
    404: ("This page does not exist", "Start again from the first page."),
    405: ("This is not possible here", "Start again from the first page."),
    410: ("No longer available", "Results are deleted after an hour. Upload the file again."),
    413: ("The file is too large", "Split it, or score it with the score command."),
    507: (
        "The disk is full",
        "Nothing was saved. Ask the administrator of these pages to free some space.",
    ),
    500: ("Something went wrong on our side", "The error was logged. Please try again."),
}


class Site:
    """The pages of several models, each below ``/models/NAME/``, with a page that lists them.

    Parameters
    ----------
    apps
        The application of each model, by its name.
    """

    def __init__(self, apps: Mapping[str, Flask]) -> None:
        self.apps = apps
        for app in apps.values():
            app.extensions["knowledge_of_all"] = {
                name: one.extensions["knowledge"] for name, one in apps.items()
            }

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer with the application that a path leads to.

        The first one answers for all of them: the list, whether the pages are alive, and what
        there is no page for.
        """
        path = environ.get("PATH_INFO", "")
        for app in self.apps.values():
            if _below(app.extensions["settings"].root, path) is not None:
                return app(environ, start)
        first = next(iter(self.apps.values()))
        chosen: Settings = first.extensions["settings"]
        if _below(chosen.prefix, path) in {"", "/"}:
            environ = {**environ, "PATH_INFO": _wsgi_text(f"{chosen.root}{MODELS}/")}
        return first(environ, start)


def create_site(config: Mapping[str, Any] | None = None) -> Flask | Site:
    """Build the pages of one model, or of every model in ``SEGMENTATION_MODELS``.

    `config` is that of :func:`create_app`, without its ``SETTINGS``.
    """
    every = Settings.of_every_model()
    apps = {one.model_name: create_app({**(config or {}), "SETTINGS": one}) for one in every}
    return Site(apps) if every[0].models else apps[every[0].model_name]


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Build the application of one model.

    Parameters
    ----------
    config
        Flask settings; ``SETTINGS`` holds a :class:`serve.web.settings.Settings`, by default read
        from the environment; ``INSTANCE`` the folder for uploads and the secret key.
    """
    overrides = dict(config or {})
    default = os.environ.get("SEGMENTATION_INSTANCE", "var/instance")
    instance = Path(overrides.pop("INSTANCE", default)).resolve()
    chosen: Settings = overrides.pop("SETTINGS", None) or Settings.from_environment()
    if chosen.audit:
        try:
            audit.check(chosen.audit, chosen.audit_days)
        except OSError as error:
            raise SettingError(
                f"SEGMENTATION_AUDIT={chosen.audit!r}: {error.strerror}. Name a file that these "
                "pages may write."
            ) from error
    folder = chosen.folder(instance)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            f"SEGMENTATION_INSTANCE={str(instance)!r}: {error.strerror}. Name a folder that these "
            "pages may write."
        ) from error
    app = Flask("serve.web", instance_path=str(folder))
    for logger in (app.logger, logging.getLogger("gunicorn.error")):
        logger.addFilter(BRIEF)
    app.config.update(
        SECRET_KEY=overrides.pop("SECRET_KEY", None) or secret_key(instance),
        # Browsers share cookies between the ports of a host: each instance has its own.
        SESSION_COOKIE_NAME=f"session_{crc32(str(instance).encode()):08x}",
        # All models of one instance: who signs in does so once.
        SESSION_COOKIE_PATH=chosen.prefix or "/",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=chosen.https,
        TRUSTED_HOSTS=list(chosen.hosts) or None,
        MAX_CONTENT_LENGTH=int(chosen.upload_megabytes * 1024 * 1024),
        BOOTSTRAP_SERVE_LOCAL=True,
    )
    app.config.update(overrides)
    app.extensions["settings"] = chosen
    app.extensions["knowledge"] = Knowledge(chosen.model_name)
    for name, path in (("scoring", ""), ("challenger", CHALLENGER_PATH)):
        url = chosen.scoring_url + path
        app.extensions[name] = ScoringClient(url, chosen.timeout, chosen.file_timeout)
    app.add_template_filter(percent)
    app.add_template_filter(unbroken)
    app.add_template_filter(usual)
    app.add_template_filter(field_unit)
    Bootstrap5(app)
    CSRFProtect(app)
    _register(app, instance)
    _mount(app, chosen)
    # The first visitor does not wait seconds for these imports.
    threading.Thread(target=warm_up, daemon=True).start()
    at_once = bool(overrides.get("FILES_AT_ONCE"))
    _, app.extensions["put_file"] = file_queue(folder, chosen, at_once=at_once)
    return app


def _mount(app: Flask, chosen: Settings) -> None:
    """Answer below the model's path, and believe one's own proxies about who asks.

    A proxy passes paths on as they are. What it says of a path or a host is not believed: the
    setting says the one, the Host header the other.
    """
    application: WSGIApplication = app.wsgi_app

    def mounted(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path not in HEALTH:
            below = _below(chosen.root, path)
            path = OUTSIDE if below is None else below
        return application(
            {**environ, "SCRIPT_NAME": _wsgi_text(chosen.root), "PATH_INFO": path}, start
        )

    believed = ProxyFix(mounted, x_for=chosen.proxies, x_proto=chosen.proxies, x_host=0)
    app.wsgi_app = believed  # type: ignore[method-assign]


def _below(root: str, path: str) -> str | None:
    """Return what of a WSGI path lies below a root, empty for the root; None outside it."""
    start = _wsgi_text(root)
    return path[len(start) :] if path == start or path.startswith(f"{start}/") else None


def _wsgi_text(text: str) -> str:
    """Return a text as WSGI has it, bytes as letters."""
    return text.encode().decode("latin-1")


def _register(app: Flask, instance: Path) -> None:
    app.request_class = upload.PageRequest
    for blueprint in (
        customer.pages,
        segments.pages,
        upload.pages,
        lists.pages,
        over_time.pages,
        versions.pages,
        developers.pages,
        auth.pages,
        health.pages,
        models.pages,
    ):
        app.register_blueprint(blueprint)
    auth.guard(app, app.extensions["settings"], instance)
    app.context_processor(_for_every_page)
    app.after_request(_secure)
    app.register_error_handler(CSRFError, _stale)
    app.register_error_handler(SecurityError, _other_name)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(ScoringError, _no_answer)
    app.register_error_handler(OSError, _disk_full)
    app.register_error_handler(sqlite3.OperationalError, _disk_full)


def _for_every_page() -> dict[str, Any]:
    return {
        "model": served_model(),
        "mlflow_url": settings().mlflow_url,
        "lists": bool(settings().scored),
        "models": settings().models,
    }


def _secure(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if settings().https:
        response.headers["Strict-Transport-Security"] = YEAR
    if request.endpoint not in {"static", "bootstrap.static"}:
        response.headers["Cache-Control"] = "no-store"
    return response


def _page(code: int, title: str, remedy: str) -> tuple[str, int]:
    return render_template("errors/error.html", code=code, title=title, remedy=remedy), code


def _other_name(error: SecurityError) -> Response:  # noqa: ARG001 - Flask passes it
    """Refuse a request for another host; no page, whose links would need the host."""
    text = "This host name is not allowed. The allowed ones are in SEGMENTATION_HOSTS.\n"
    return Response(text, 400, mimetype="text/plain")


def _stale(error: CSRFError) -> tuple[str, int]:  # noqa: ARG001 - Flask passes it
    if not session:
        remedy = "Allow cookies for these pages. After signing in they need HTTPS."
        return _page(400, "Your browser sent no cookie", remedy)
    return _page(400, "This page was open for too long", "Reload it and send the form again.")


def _http_error(error: HTTPException) -> tuple[str, int]:
    code = error.code or 500
    title, remedy = WORDS.get(code, (error.name, "Start again from the first page."))
    if code == 403 and error.description != Forbidden.description:
        remedy = error.description or remedy
    return _page(code, title, remedy)


def _disk_full(error: OSError | sqlite3.OperationalError) -> tuple[str, int]:
    """Say that the disk is full; any other error stays what it is."""
    full = error.errno in FULL if isinstance(error, OSError) else "full" in str(error)
    if not full:
        raise error
    return _page(507, *WORDS[507])


def _no_answer(error: ScoringError) -> tuple[str, int]:
    return _page(error.status, str(error), error.remedy)

"""Who signed in at an authenticating proxy in front: person and role, in headers it sets."""

from __future__ import annotations

import secrets
from ipaddress import IPv6Address, ip_address, ip_network

from werkzeug.wrappers import Request

from serve.web.auth.people import NAME, ROLES
from serve.web.settings import SettingError

USER, ROLE, SECRET = "X-Segmentation-User", "X-Segmentation-Role", "X-Segmentation-Secret"
SHORTEST_SECRET = 32


class AuthenticatingProxy:
    """Believes the headers of requests that come from its address and carry its secret.

    Parameters
    ----------
    addresses
        Addresses or networks the proxy connects from.
    secret
        What it sends with every request, at least 32 characters.

    Raises
    ------
    SettingError
        When an address is none, or the secret is too short.
    """

    def __init__(self, addresses: tuple[str, ...], secret: str) -> None:
        if len(secret) < SHORTEST_SECRET or not secret.isascii():
            raise SettingError(
                f"SEGMENTATION_AUTH_SECRET: expected at least {SHORTEST_SECRET} ASCII characters "
                "that the proxy sends too. Make them with: "
                'python -c "import secrets; print(secrets.token_hex(32))"'
            )
        try:
            self._networks = [ip_network(address) for address in addresses]
        except ValueError as error:
            raise SettingError(
                f"SEGMENTATION_AUTH_PROXY: {error}: expected addresses, for example 10.0.0.7"
            ) from error
        self._secret = secret.encode()

    def person(self, request: Request) -> tuple[str, str] | None:
        """Return name and role of whoever asks; None where the proxy did not say who that is.

        A header that comes twice is joined by a comma: no name, no role and no secret has one.
        """
        sent = request.headers.get(SECRET, "").encode("utf-8", "surrogateescape")
        if not secrets.compare_digest(sent, self._secret) or not self._from_proxy(request):
            return None
        name, role = request.headers.get(USER, ""), request.headers.get(ROLE, "")
        return (name, role) if NAME.fullmatch(name) and role in ROLES else None

    def _from_proxy(self, request: Request) -> bool:
        """Tell whether the connection itself is the proxy's, whatever headers say of others."""
        before = request.environ.get("werkzeug.proxy_fix.orig") or request.environ
        try:
            address = ip_address(before.get("REMOTE_ADDR") or "")
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

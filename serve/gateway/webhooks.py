"""MLflow's registry webhooks: a signed notice on which the registry is read at once.

What a notice says is not looked at: which version serves is what the registry names then.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Mapping

from aiohttp import web

from serve.gateway.error_messages import Refusal

WEBHOOK = "/webhook"
SIGNATURE, TIMESTAMP, DELIVERY = "X-MLflow-Signature", "X-MLflow-Timestamp", "X-MLflow-Delivery-Id"
MOST_BYTES = 16 * 1024
BODY_SECONDS = 5.0
# MLflow tries a delivery again with the same timestamp, for up to two minutes.
FRESH_SECONDS = 300.0
MOST_REMEMBERED = 10_000

ACCEPTED = "accepted"
REFUSALS = {
    "large": Refusal(413, f"Expected a notice of at most {MOST_BYTES} bytes."),
    "late": Refusal(408, f"Expected the body within {BODY_SECONDS:.0f} s."),
    "broken": Refusal(400, "The body did not arrive as its headers say."),
    "forged": Refusal(401, f"Expected a signature by the webhook's secret in {SIGNATURE}."),
    "stale": Refusal(400, f"Expected a {TIMESTAMP} at most {FRESH_SECONDS:.0f} s from now."),
    "replayed": Refusal(409, "This delivery has come before."),
    "full": Refusal(429, "Too many deliveries came within minutes."),
}


class Webhooks:
    """Tells a genuine delivery from any other.

    Genuine ones are remembered for as long as they are fresh, in this process: after a restart
    one that is sent again does no more than have the registry read.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._remembered: dict[bytes, float] = {}

    async def outcome(self, request: web.Request) -> str:
        """Read a delivery; return ``accepted`` or why it is refused."""
        small = request.clone(client_max_size=MOST_BYTES)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await small.read()
        except web.HTTPRequestEntityTooLarge:
            return "large"
        except TimeoutError:
            return "late"
        except (ConnectionError, web.RequestPayloadError):
            return "broken"
        return self.judged(request.headers, body, time.time())

    def judged(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """Return what a delivery is at a time, in seconds since 1970."""
        signature, sent, delivery = (
            headers.get(name, "").encode("utf-8", "surrogateescape")
            for name in (SIGNATURE, TIMESTAMP, DELIVERY)
        )
        content = b".".join((delivery, sent, body))
        digest = hmac.new(self._secret, content, hashlib.sha256).digest()
        if not hmac.compare_digest(signature, b"v1," + base64.b64encode(digest)):
            return "forged"
        if not (sent.isdigit() and len(sent) < 12 and abs(now - int(sent)) <= FRESH_SECONDS):
            return "stale"
        if signature in self._remembered:
            return "replayed"
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered = {s: end for s, end in self._remembered.items() if end >= now}
            if len(self._remembered) >= MOST_REMEMBERED:
                return "full"
        self._remembered[signature] = int(sent) + FRESH_SECONDS
        return ACCEPTED

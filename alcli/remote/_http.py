"""JSON over HTTP: patient with a server that is busy, clear about one that refuses, silent about tokens."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

from alcli.errors import RemoteError, StateError, UnavailableError
from alcli.remote import patiently

try:
    import httpx
except ImportError as error:
    raise StateError(
        "a labeling server is talked to with the library httpx, which is not installed",
        hint="pip install 'alcli[label-studio]', or pip install httpx",
    ) from error

_BUSY = {429, 500, 502, 503}
_CONNECT_SECONDS = 10.0
_SHOWN = 300
_IS_IT_UP = "is it up, and is this its address?; nothing is lost: run the command again"


class NotFoundError(RemoteError):
    """The server has no such thing."""


class Connection:
    """A server's API.

    Args:
        url: its address; no redirection from it is followed, so that the token goes nowhere else.
        token: no message holds it.
        refresh_path: where a token that is a JSON web token buys access for some minutes.
        timeout: seconds to wait for an answer.
        advice: what to do where the token is refused.
    """

    def __init__(self, url: str, token: str, refresh_path: str, timeout: float, advice: str) -> None:
        self._url = url
        self._token = token
        self._advice = advice
        self._client = httpx.Client(
            auth=_Auth(self, token, url + refresh_path),
            timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS)),
            follow_redirects=False,
        )

    def close(self) -> None:
        """End what is open."""
        self._client.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """What the server answers; asked a few times while it is busy.

        Raises:
            RemoteError: it stays so, or refuses.
        """
        return patiently(lambda: self._call("GET", path, params=parameters))

    def send(self, method: str, path: str, body: Any) -> Any:
        """Send something, once: after an error nobody knows whether it arrived.

        Raises:
            UnavailableError: the server is busy or broken.
            RemoteError: it refuses; or it may be at work on this still: not to be sent again now.
        """
        return self._call(method, path, json=body)

    def read(self, response: httpx.Response) -> Any:
        """The JSON that a server answered.

        Raises:
            UnavailableError: it is busy, or broken.
            RemoteError: it refuses, sends elsewhere, or speaks no JSON.
        """
        request = response.request
        where = f"{request.method} {request.url.copy_with(query=None)}"
        if response.is_redirect:
            target = self._hiding(response.headers.get("location", "elsewhere"))
            hint = "the token is sent to no other address: if that is the server's own, name it as its url"
            raise RemoteError(f"the server sends us on to {target}", where=where, hint=hint)
        if response.is_success:
            return self._json(response, where)
        reason = self._reason(response)
        if response.status_code in _BUSY:
            raise UnavailableError(f"the server is in trouble: {reason}", where=where, hint=_IS_IT_UP)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise RemoteError(f"the server refuses the token: {reason}", where=where, hint=self._advice)
        kind = NotFoundError if response.status_code == httpx.codes.NOT_FOUND else RemoteError
        raise kind(f"the server refuses: {reason}", where=where)

    def _call(self, method: str, path: str, **content: Any) -> Any:
        try:
            response = self._client.request(method, self._url + path, **content)
        except (httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise self._silent("GET", self._client.timeout.connect) from error
        except httpx.TimeoutException as error:
            raise self._silent(method, self._client.timeout.read) from error
        except httpx.HTTPError as error:
            message = f"the server cannot be reached: {self._hiding(str(error))}"
            raise UnavailableError(message, where=self._url, hint=_IS_IT_UP) from error
        if response.status_code == httpx.codes.GATEWAY_TIMEOUT:
            raise self._silent(method, self._client.timeout.read)
        return self.read(response)

    def _silent(self, method: str, seconds: float | None) -> RemoteError:
        """The error for no answer; what was sent and not answered must not be sent again at once."""
        message = f"the server has not answered within {seconds:g} seconds"
        if method == "GET":
            return UnavailableError(message, where=self._url, hint=_IS_IT_UP)
        hint = "it may be at work on it still: run the command again in a minute, and it adds what is missing"
        return RemoteError(message, where=self._url, hint=hint)

    def _json(self, response: httpx.Response, where: str) -> Any:
        try:
            return response.json()
        except ValueError as error:
            kind = response.headers.get("content-type", "something else").partition(";")[0]
            hint = "is this the address of the tool itself? a login page or a proxy may stand before it"
            raise RemoteError(
                f"the server answers with {kind}, not with JSON", where=where, hint=hint
            ) from error

    def _reason(self, response: httpx.Response) -> str:
        """The status and what the server says about it, on one line of bearable length."""
        try:
            said = response.json()
        except ValueError:
            said = None
        words = [f"{response.status_code} {response.reason_phrase}".strip()]
        if isinstance(said, dict):
            found = (said.get("detail"), said.get("validation_errors"))
            words += [part if isinstance(part, str) else json.dumps(part) for part in found if part]
        text = self._hiding(" ".join(", ".join(words).split()))
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

    def _hiding(self, text: str) -> str:
        return text.replace(self._token, "[token]")


class _Auth(httpx.Auth):
    """Signs requests; buys a new access token where there is none, or the old one is refused."""

    requires_response_body = True

    def __init__(self, connection: Connection, token: str, refresh_url: str) -> None:
        self._connection = connection
        self._token = token
        self._refresh_url = refresh_url
        self._access: str | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._token.count(".") != 2:  # no JSON web token
            request.headers["Authorization"] = f"Token {self._token}"
            yield request
            return
        if self._access is not None:
            request.headers["Authorization"] = f"Bearer {self._access}"
            response = yield request
            if response.status_code != httpx.codes.UNAUTHORIZED:
                return
        response = yield httpx.Request("POST", self._refresh_url, json={"refresh": self._token})
        answer = self._connection.read(response)
        self._access = str(answer.get("access")) if isinstance(answer, dict) else ""
        request.headers["Authorization"] = f"Bearer {self._access}"
        yield request

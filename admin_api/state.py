"""State: what the API itself remembers between two requests."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from admin_api.idempotency import Answers
from admin_api.request_rate import RequestRate
from admin_api.token_book import TokenBook
from admin_api.wrong_tokens import WrongTokens


class ApiState:
    """One for both doors. `choose` picks a letter of a text at random; `open_metrics`: no token for `/metrics`."""

    def __init__(self, *, choose: Callable[[str], str], requests_per_minute: int, open_metrics: bool) -> None:
        self.choose = choose
        self.tokens = TokenBook()
        self.wrong = WrongTokens()
        self.rate = RequestRate(requests_per_minute)
        self.answers = Answers()
        self.open_metrics = open_metrics

    def request_id(self) -> str:
        """An id for a request that brings none."""
        return "".join(self.choose("0123456789abcdef") for _ in range(16))


STATE: web.AppKey[ApiState] = web.AppKey("state", ApiState)

"""How a request is turned down: by a status, a sentence, and the field that is at fault where one is."""

from typing import Any

from aiohttp import web

from schemas.errors import CreditsError

SOON_SECONDS = 1
"""What `Retry-After` says of trouble that passes by itself."""


class Refused(CreditsError):
    """A request that is answered by a status of refusal; `retry_seconds` says when to ask again, where that helps."""

    def __init__(self, status: int, sentence: str, *, field: str | None = None, retry_seconds: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.field = field
        self.retry_seconds = retry_seconds

    def answer(self) -> web.Response:
        """Give the answer: {"error": {"sentence": ...}}, with the field where one is at fault."""
        headers = {} if self.retry_seconds is None else {"Retry-After": str(self.retry_seconds)}
        return web.json_response({"error": self.facts()}, status=self.status, headers=headers)

    def facts(self) -> dict[str, Any]:
        """Give what is said of the error."""
        named = {} if self.field is None else {"field": self.field}
        return {**named, "sentence": self.sentence}


def not_now(sentence: str) -> Refused:
    """Give the refusal of what will be answered soon."""
    return Refused(503, sentence, retry_seconds=SOON_SECONDS)

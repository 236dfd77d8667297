"""A client of ClickHouse's HTTP interface."""

from typing import NamedTuple

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from schemas.errors import SettingsError, TransientError
from streams.clickhouse.troubles import CLIENT_ERRORS, is_not_entitled, one_line

_ANSWER_SECONDS = 300


class ClickHouseAddress(NamedTuple):
    """Where ClickHouse's HTTP interface is, and as whom to speak to it."""

    host: str
    port: int
    user: str = "default"
    password: str = ""


def connect(address: ClickHouseAddress, *, answer_seconds: int = _ANSWER_SECONDS) -> Client:
    """Open a client, which waits so many seconds for any answer before it gives up.

    Raises TransientError with a readable sentence where nothing answers, and SettingsError where the user is not let in.
    """
    try:
        return clickhouse_connect.get_client(
            host=address.host,
            port=address.port,
            username=address.user,
            password=address.password,
            autogenerate_session_id=False,
            send_receive_timeout=answer_seconds,
            tz_mode="aware",
        )
    except CLIENT_ERRORS as error:
        place = f"{address.host}:{address.port}"
        if is_not_entitled(error):
            raise SettingsError(
                f"ClickHouse at {place} does not let the user {address.user!r} in: {one_line(error)} "
                "(CREDITS_CLICKHOUSE_USER and CREDITS_CLICKHOUSE_PASSWORD say as whom)"
            ) from error
        raise TransientError(f"ClickHouse does not answer at {place}: {one_line(error)}") from error

"""Workers that answer over HTTP, as processes: tokens for callers of several kinds, and sessions that ask them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from schemas.topics import partition_of
from streams.api.tokens import Role, digest_of
from streams.cli.token import lines_of
from streams.embedded.ports import free_ports
from tests.support.worker_processes import Broker, WorkerProcess, wait_for

CATALOG = """
[credit_types.coins]
[credit_types.hours]
[organizations.o1]
time_zone = "Europe/Lisbon"
"""
READER, EMITTER, OPERATOR, STRANGER, ALL = "of-reader", "of-emitter", "of-operator", "of-stranger", "of-all"
_TOKENS = {
    READER: (["o1"], [Role.READER]),
    EMITTER: (["o1"], [Role.EMITTER]),
    OPERATOR: (["*"], [Role.OPERATOR]),
    STRANGER: (["o2"], [Role.READER, Role.EMITTER]),
    ALL: (["*"], list(Role)),
}
_READY_SECONDS = 60


class Answer(NamedTuple):
    """An answer: its status, its headers, and its body as JSON."""

    status: int
    headers: Any
    body: Any

    @property
    def sentence(self) -> str:
        """What an error says."""
        assert set(self.body) == {"error"}, self.body
        sentence: str = self.body["error"]["sentence"]
        return sentence


@dataclass
class HttpWorker:
    """A worker, where it answers, and what it was started with."""

    address: str
    environment: dict[str, str]
    log: Path
    process: WorkerProcess = field(init=False)

    def start(self) -> None:
        """Start it, or start it again."""
        self.process = WorkerProcess(self.environment, self.log)


class HttpWorkers:
    """Workers of one group with the same tokens."""

    def __init__(self, broker: Broker, folder: Path, *, count: int, **settings: str) -> None:
        self.broker = broker
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "catalog.toml").write_text(CATALOG, encoding="utf-8")
        lines = [lines_of(token, digest_of(token), organizations=good_for, roles=roles)
                 for token, (good_for, roles) in _TOKENS.items()]  # fmt: skip
        (folder / "tokens.toml").write_text("\n".join(lines), encoding="utf-8")
        self.workers = [
            HttpWorker(f"http://127.0.0.1:{port}", self._environment(folder, number, port, settings), folder / f"w{number}.log")
            for number, port in enumerate(free_ports(count), 1)
        ]

    def _environment(self, folder: Path, number: int, port: int, settings: dict[str, str]) -> dict[str, str]:
        return {
            "CREDITS_KAFKA_BROKERS": self.broker.servers,
            "CREDITS_CATALOG": str(folder / "catalog.toml"),
            "CREDITS_PARTITION_COUNT": str(self.broker.partition_count),
            "CREDITS_COMMIT_MILLISECONDS": "5",
            "CREDITS_STATE_FOLDER": str(folder / f"state-{number}"),
            "CREDITS_CLOCK": "off",
            "CREDITS_WEB_PORT": str(port),
            "CREDITS_SESSION_SECONDS": "6",
            "CREDITS_TOKENS_FILE": str(folder / "tokens.toml"),
            "CREDITS_HTTP_RATE": "0",
            **settings,
        }

    @contextlib.contextmanager
    def running(self) -> Iterator["HttpWorkers"]:
        """Run them until the block is left; each holds some numbers and answers for all of them when it begins."""
        with self.started():
            asyncio.run(self.holding())
            asyncio.run(self.answering())
            yield self

    @contextlib.contextmanager
    def started(self) -> Iterator[list[HttpWorker]]:
        """Run them until the block is left, without waiting for anything."""
        try:
            for worker in self.workers:
                worker.start()
            yield self.workers
        finally:
            for worker in self.workers:
                worker.process.kill()

    async def holding(self) -> list[list[int]]:
        """Wait until all numbers are open and each worker holds some; gives those of each."""
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            held = [await self._held(worker) for worker in self.workers]
            if all(held) and sorted(number for one in held for number in one) == list(range(self.broker.partition_count)):
                return held
            for worker in self.workers:
                worker.process.check()
            assert time.monotonic() < deadline, [worker.process.log_text()[-2000:] for worker in self.workers]
            await asyncio.sleep(0.05)

    async def answering(self) -> None:
        """Wait until each worker answers for every number: it has heard who holds those that it does not hold itself."""
        deadline = time.monotonic() + _READY_SECONDS
        for worker in self.workers:
            async with asking(worker, ALL) as ask:
                for number in range(self.broker.partition_count):
                    while (answer := await ask(f"/v1/balances/o1/{self._customer_of({number})}")).status != 200:
                        assert time.monotonic() < deadline, answer
                        await asyncio.sleep(0.05)

    async def customers(self) -> list[str]:
        """Give the name of a customer of o1 that each worker holds."""
        held = await self.holding()
        return [self._customer_of(set(numbers)) for numbers in held]

    def _customer_of(self, numbers: set[int]) -> str:
        return next(name for name in map("c{}".format, range(1000)) if self.number_of(name) in numbers)

    def number_of(self, customer_id: str) -> int:
        """Give the partition number of a customer of o1."""
        return partition_of(f"o1|{customer_id}".encode(), partition_count=self.broker.partition_count)

    async def _held(self, worker: HttpWorker) -> list[int]:
        with contextlib.suppress(aiohttp.ClientError):
            async with asking(worker, OPERATOR) as ask:
                answer = await ask("/partitions")
                return [one["number"] for one in answer.body["held"] if one["phase"] == "open"]
        return []


class Asking:
    """Asks one worker with one token."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def __call__(self, path: str, **parameters: Any) -> Answer:
        """Ask for a path; parameters that are lists are given several times."""
        asked = [(name, str(one)) for name, value in parameters.items() for one in _all_of(value)]
        async with self._session.get(path, params=asked) as answer:
            return Answer(answer.status, answer.headers, await answer.json())

    async def post(self, body: Any, *, path: str = "/v1/events", **headers: str) -> Answer:
        """Send a body: bytes as they are, anything else as JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"data": body} if isinstance(body, bytes) else {"json": body}
        async with self._session.post(path, headers=named, **given) as answer:
            return Answer(answer.status, answer.headers, await answer.json())


def _all_of(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


@contextlib.asynccontextmanager
async def asking(worker: HttpWorker, token: str | None) -> AsyncIterator[Asking]:
    """Give a session with a worker; every answer comes within a minute and a half."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    timeout = aiohttp.ClientTimeout(total=90)
    async with aiohttp.ClientSession(worker.address, headers=headers, timeout=timeout) as session:
        yield Asking(session)


async def until_alive(worker: HttpWorker) -> None:
    """Wait until a worker answers, whatever it holds."""

    async def alive() -> bool:
        with contextlib.suppress(aiohttp.ClientError):
            async with asking(worker, None) as ask:
                return (await ask("/healthz")).status == 200
        return False

    await wait_for(alive, seconds=_READY_SECONDS, workers=[worker.process])

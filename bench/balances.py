"""Asks a worker for balances as fast as it answers: `python -m bench.balances URL [--seconds 5] [--at-a-time 16]`.

Prints the answers a second and how long they took, the median and the slowest of a hundred.
"""

import argparse
import asyncio
import os
import statistics
import time

import aiohttp


async def ask(url: str, *, seconds: float, at_a_time: int, token: str | None) -> list[float]:
    """Ask for one address again and again, so many at a time; gives the seconds that each answer took."""
    took: list[float] = []
    until = time.monotonic() + seconds
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    async def ask_on(session: aiohttp.ClientSession) -> None:
        while time.monotonic() < until:
            began = time.perf_counter()
            async with session.get(url) as answer:
                answer.raise_for_status()
                await answer.read()
            took.append(time.perf_counter() - began)

    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=30)) as session:
        await asyncio.gather(*[ask_on(session) for _ in range(at_a_time)])
    return took


def main() -> None:
    """Read the command line, ask, and print the figures."""
    parser = argparse.ArgumentParser(prog="bench.balances", description="Ask a worker for balances as fast as it answers.")
    parser.add_argument("url", help="such as http://127.0.0.1:18080/v1/balances/nimbus-cloud/acme-robotics")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--at-a-time", type=int, default=16)
    asked = parser.parse_args()
    token = os.environ.get("CREDITS_TOKEN")
    took = asyncio.run(ask(asked.url, seconds=asked.seconds, at_a_time=asked.at_a_time, token=token))
    slowest = statistics.quantiles(took, n=100)[-1]
    print(
        f"{len(took) / asked.seconds:,.0f} answers a second, {asked.at_a_time} at a time; "
        f"half within {statistics.median(took) * 1000:.1f} ms, 99 of 100 within {slowest * 1000:.1f} ms"
    )


if __name__ == "__main__":
    main()

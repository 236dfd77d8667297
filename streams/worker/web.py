"""The pages of a worker for operators: metrics, whether it lives and is ready, what it holds; and the port of its HTTP."""

import socket

from aiohttp import web
from prometheus_client import CollectorRegistry

from schemas.errors import SettingsError
from streams.metrics.exposition import exposition_of
from streams.worker.partition import Phase
from streams.worker.partitions import Partitions


class Pages:
    """The pages of a worker; each answers from what is in memory, and asks nobody."""

    def __init__(self, partitions: Partitions, registry: CollectorRegistry) -> None:
        self._partitions = partitions
        self._registry = registry

    async def metrics(self, _request: web.Request) -> web.Response:
        """Answer with all metrics in Prometheus' text format."""
        body, content_type = exposition_of(self._registry)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def healthz(self, _request: web.Request) -> web.Response:
        """Answer while the worker's loop turns."""
        return web.json_response({"status": "alive"})

    async def readyz(self, _request: web.Request) -> web.Response:
        """Answer 200 once every partition number that the group gave to this worker is open, else 503 and why not."""
        reasons = unready(self._partitions)
        return web.json_response({"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200)

    async def held(self, _request: web.Request) -> web.Response:
        """Answer with each partition number that is held: how far the work on it is, and its committed positions."""
        return web.json_response(
            {
                "parked": sorted(self._partitions.parked),
                "held": [
                    {"number": number, "phase": phase.value, "positions": self._partitions.committed_positions(number)}
                    for number, phase in sorted(self._partitions.phases().items())
                ],
            }
        )


def unready(partitions: Partitions) -> list[str]:
    """Say in sentences why a worker is not ready; nothing where it is."""
    if not partitions.is_member:
        return ["the group has given no partition numbers to this worker yet"]
    phases = partitions.phases()
    reasons = [f"partition number {number} is parked: a law is broken, see the log" for number in sorted(partitions.parked)]
    for number in sorted(partitions.assigned - partitions.parked):
        phase = phases.get(number)
        if phase is not Phase.OPEN:
            reasons.append(f"partition number {number} is {'waiting to be opened' if phase is None else phase.value}")
    return reasons


def free_port(host: str, port: int) -> int:
    """Give the port to listen on: the one that is wanted, or any that is free for 0.

    Raises SettingsError where nobody can listen there.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # A port whose connections were closed a moment ago is free for a server; without this it would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"CREDITS_WEB_HOST and CREDITS_WEB_PORT are {host}:{port}, where nobody can listen: {error.strerror}"
            ) from error
        found: int = probe.getsockname()[1]
        return found

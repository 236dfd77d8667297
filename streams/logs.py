"""What the processes log, alike for all of them."""

import logging
import sys

_CLIENTS = ("aiokafka", "clickhouse_connect", "urllib3")


def log_to_stderr(level: str) -> None:
    """Log one line an entry to standard error, ours from `level` on; of the libraries' own only what is a warning.

    The clients log every try to reach a server that is gone; what comes of it is logged by us, once. At DEBUG all is shown.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("streams").setLevel(level)
    if level != "DEBUG":
        for name in _CLIENTS:
            logging.getLogger(name).setLevel(logging.CRITICAL)

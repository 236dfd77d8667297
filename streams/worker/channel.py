"""The channels between transport and agents: Faust's, but for what a rebalance does to their queues.

Faust empties the queues of its channels in a rebalance and cancels whoever waits to put something in. A batch that was lost
between two agents would never have been through all of them, so that its partition number could not commit any more; and the
cancellation would end the worker. Here what is in a queue stays: batches that count no more are told by their epoch.
"""

from typing import Any

import faust
from mode.utils.queues import FlowControlEvent, ThrowableQueue


class SteadyChannel(faust.Channel[Any]):
    """A channel whose queue has a flow control of its own, which nobody suspends."""

    @property
    def queue(self) -> ThrowableQueue[Any]:
        """Give the queue, which is made when it is first asked for."""
        if self._queue is None:
            self._queue = ThrowableQueue(
                maxsize=self.maxsize or 0, flow_control=FlowControlEvent(initially_suspended=False), clear_on_resume=False
            )
        return self._queue

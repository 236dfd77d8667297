"""Signals that ask a process to end are heeded, put off where something must not stay half done, and ignored where asked."""

import signal
import threading

import pytest

from streams.embedded.signals import ending_by_signal, signals_put_off


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_block_as_an_exit(number):
    """The exit code is the one that shells give; afterwards all is as before."""
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as ended, ending_by_signal():
        signal.raise_signal(number)
    assert ended.value.code == 128 + number
    assert signal.getsignal(number) is before


def test_what_is_ignored_stays_ignored():
    """Under `nohup` a stack outlives its terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_by_signal():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(("number", "ending"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_waits_for_the_end_of_a_block(number, ending):
    """What the block does is done whole, and then the signal counts."""
    done = []

    def work():
        with signals_put_off():
            signal.raise_signal(number)
            done.append("the rest")
        done.append("what comes after")

    with ending_by_signal(), pytest.raises(ending):
        work()
    assert done == ["the rest"]


def test_another_thread_changes_no_handler():
    """Only the main thread may; elsewhere the blocks do nothing."""
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def work():
        with ending_by_signal(), signals_put_off():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]

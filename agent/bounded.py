"""A time limit for what has none of its own, such as a look-up by the system's resolver.

While no name server answers, systemd-resolved keeps getaddrinfo for two minutes.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T]) -> T:
    """The call's result; TimeoutError if it takes longer.

    It is then left behind in a thread for which nobody waits, not at the program's end either.
    """
    result = Future[T]()

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:  # it is the caller's
            result.set_exception(error)

    Thread(target=run, daemon=True).start()
    try:
        return result.result(seconds)
    except TimeoutError:
        if result.done():  # the call's own
            raise
        raise TimeoutError(f"no answer in {seconds:.0f} s") from None

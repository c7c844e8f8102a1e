"""A time limit for calls that have none, such as a look-up by the system's resolver.

While no name server answers, systemd-resolved lets getaddrinfo wait for two minutes.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T]) -> T:
    """The call's result; TimeoutError if it takes longer.

    The call is then left behind in a daemon thread, for which the program's end does not wait.
    """
    result = Future[T]()

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:  # the caller gets it
            result.set_exception(error)

    Thread(target=run, daemon=True).start()
    try:
        return result.result(seconds)
    except TimeoutError:
        if result.done():  # the call itself raised it
            raise
        raise TimeoutError(f"no answer in {seconds:.0f} s") from None

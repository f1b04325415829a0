from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from lumina_core.drivers.embedders.allowance import Allowance


def test_no_more_threads_work_than_are_allowed():
    allowance, lock, together = Allowance(2), threading.Lock(), 0
    seen = []

    def work(_: int) -> None:
        nonlocal together
        with allowance:
            with lock:
                together += 1
                seen.append(together)
            with lock:
                together -= 1

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(200)))

    assert max(seen) <= 2


def test_a_lowered_number_lets_nobody_in_until_holders_have_finished_or_it_is_raised():
    allowance, let_in = Allowance(2), []

    def enter(number: int) -> None:
        with allowance:
            let_in.append(number)

    with ThreadPoolExecutor(1) as threads:
        with allowance:
            allowance.resize(1)
            first = threads.submit(enter, 1)
            assert wait([first], timeout=0.05).not_done
            allowance.resize(2)
            first.result(10)
            allowance.resize(1)
            second = threads.submit(enter, 2)
        second.result(10)

    assert let_in == [1, 2]


def test_a_thread_that_failed_gives_its_place_back():
    allowance = Allowance(1)
    with pytest.raises(ValueError, match="mine"), allowance:
        raise ValueError("mine")

    with ThreadPoolExecutor(1) as threads:

        def enter() -> bool:
            with allowance:
                return True

        assert threads.submit(enter).result(10)

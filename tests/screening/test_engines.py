"""Chunks side by side come back in order, and none is read too far ahead."""

import threading
import time

from matminer_phonon_tl.screening.engines import Engine, available_cores, in_order, threads


def test_order_is_kept_and_little_is_read_ahead():
    read = []

    def items():
        for number in range(20):
            read.append(number)
            yield number, [number]

    def slow(formulas):
        time.sleep(0.02 if formulas[0] % 5 == 0 else 0)
        return formulas[0] * 10

    with threads(slow, 3) as engine:
        results = in_order(items(), engine)
        assert next(results) == (0, 0)
        assert len(read) <= engine.window()
        assert list(results) == [(number, number * 10) for number in range(1, 20)]


def test_more_is_read_ahead_once_workers_join():
    read = []

    class Slow:
        def done(self):
            return False

        def result(self):
            return "predicted"

    def items():
        for number in range(7):
            read.append(number)
            yield number, [number]

    results = in_order(items(), Engine(lambda _: Slow(), lambda: 1 if len(read) < 4 else 4))
    ahead = []
    for number, _ in results:
        ahead.append(len(read) - number)
    assert ahead == [1, 1, 1, 4, 3, 2, 1]


def test_what_is_done_is_passed_on_at_once():
    """However many may be under way, a finished chunk waits for none of them to be kept."""
    with threads(len, 1000) as engine:
        read = []

        def items():
            for number in range(50):
                read.append(number)
                time.sleep(0.005)
                yield number, [number]

        next(in_order(items(), engine))
    assert len(read) < 25


def test_what_is_done_already_is_passed_on():
    with threads(len, 2) as engine:
        items = iter([("a", None), ("b", [1, 2]), ("c", None)])
        assert list(in_order(items, engine)) == [("a", None), ("b", 2), ("c", None)]


def test_chunks_run_side_by_side():
    meeting = threading.Barrier(2, timeout=10)

    def meet(_):
        return meeting.wait() >= 0

    with threads(meet, 2) as engine:
        items = ((number, [number]) for number in range(2))
        assert [result for _, result in in_order(items, engine)] == [True, True]
    assert available_cores() >= 1

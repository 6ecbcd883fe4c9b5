"""Work on several threads gives what a plain loop gives."""

from __future__ import annotations

import multiprocessing
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.parallel import ahead, both, each, one_blas_thread


@given(st.lists(st.integers(), max_size=20), st.integers(1, 4))
def test_the_answers_are_those_of_a_loop_in_its_order(items: list[int], threads: int) -> None:
    assert each(lambda item: item * item, items, threads=threads) == [i * i for i in items]


def test_two_threads_work_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=60)  # breaks unless both are inside at once
    assert sorted(each(lambda _: meeting.wait(), [0, 1], threads=2)) == [0, 1]


def test_work_on_a_thread_may_itself_have_items() -> None:
    def outer(item: int) -> list[int]:
        return each(lambda one: one + item, [1, 2, 3], threads=2)

    assert each(outer, [0, 10, 20, 30], threads=2)[3] == [31, 32, 33]


def test_an_error_in_one_item_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        each(lambda item: 1 // item, [1, 0, 1], threads=2)


@given(st.lists(st.integers(), max_size=20), st.integers(1, 4))
def test_works_ahead_end_in_the_order_of_their_items(items: list[int], at_once: int) -> None:
    found = ahead(lambda item: 1 // item, items, at_once=at_once)
    for item, (given_item, outcome) in zip(items, found, strict=True):
        assert given_item == item and outcome.done()
        if item:
            assert outcome.result() == 1 // item
        else:
            assert isinstance(outcome.exception(), ZeroDivisionError)


def test_no_more_is_taken_than_is_worked_on_and_one() -> None:
    taken: list[int] = []
    found = ahead(abs, (taken.append(item) or item for item in range(10)), at_once=2)
    assert next(found)[0] == 0 and taken == [0, 1, 2]
    assert next(found)[0] == 1 and taken == [0, 1, 2, 3]
    found.close()
    assert len(taken) == 4


def test_what_follows_an_error_of_the_items_is_not_waited_for() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(ahead(abs, items(), at_once=2))


def _in_a_fork(answers: multiprocessing.SimpleQueue[list[int]]) -> None:
    answers.put(each(abs, [-1, -2], threads=2))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks")
def test_a_forked_process_has_threads_of_its_own() -> None:
    assert each(abs, [-1, -2], threads=2) == [1, 2]
    fork = multiprocessing.get_context("fork")
    answers = fork.SimpleQueue()
    child = fork.Process(target=_in_a_fork, args=(answers,))
    child.start()
    child.join(60)
    child.kill()
    assert child.exitcode == 0 and answers.get() == [1, 2]


def test_two_works_run_at_the_same_time_and_answer_in_their_order() -> None:
    meeting = threading.Barrier(2, timeout=60)

    def meet(answer: str) -> str:
        meeting.wait()
        return answer

    assert both(lambda: meet("one"), lambda: meet("two"), threads=2) == ("one", "two")
    assert both(lambda: 1, lambda: "two", threads=1) == (1, "two")


def test_the_first_of_two_works_runs_on_the_thread_that_calls() -> None:
    here, _ = both(threading.get_ident, threading.get_ident, threads=2)
    assert here == threading.get_ident()


def test_the_error_of_the_first_work_is_raised_after_the_second_is_done() -> None:
    done = threading.Event()

    def slow() -> None:
        time.sleep(0.02)
        done.set()
        raise KeyError

    with pytest.raises(ZeroDivisionError):
        both(lambda: 1 // 0, slow, threads=2)
    assert done.is_set()


@pytest.mark.parametrize("threads", [1, 2])
def test_the_error_of_the_second_work_is_raised(threads: int) -> None:
    with pytest.raises(ZeroDivisionError):
        both(lambda: 1, lambda: 1 // 0, threads=threads)


def _sum(numbers: list[int]) -> int:
    if len(numbers) == 1:
        return numbers[0]
    half = len(numbers) // 2
    return sum(both(lambda: _sum(numbers[:half]), lambda: _sum(numbers[half:]), threads=2))


def test_works_within_works_wait_for_no_thread_that_is_not_free() -> None:
    numbers = list(range(64))
    assert each(lambda _: _sum(numbers), range(8), threads=4) == [sum(numbers)] * 8


def test_blas_has_its_threads_back_after_one() -> None:
    from threadpoolctl import ThreadpoolController

    def threads() -> list[int]:
        return [one["num_threads"] for one in ThreadpoolController().select(user_api="blas").info()]

    before = threads()
    with one_blas_thread(), one_blas_thread():
        assert set(threads()) == {1}
    assert threads() == before

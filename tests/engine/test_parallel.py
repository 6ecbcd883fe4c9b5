"""Work on several threads gives what a plain loop gives."""

from __future__ import annotations

import multiprocessing
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.parallel import each


@given(st.lists(st.integers(), max_size=20), st.integers(1, 4))
def test_the_answers_are_those_of_a_loop_in_its_order(items: list[int], threads: int) -> None:
    assert each(lambda item: item * item, items, threads=threads) == [i * i for i in items]


def test_two_threads_work_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=20)  # breaks unless both are inside at once
    assert sorted(each(lambda _: meeting.wait(), [0, 1], threads=2)) == [0, 1]


def test_an_error_in_one_item_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        each(lambda item: 1 // item, [1, 0, 1], threads=2)


def _in_a_fork(answers: multiprocessing.SimpleQueue[list[int]]) -> None:
    answers.put(each(abs, [-1, -2], threads=2))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks")
def test_a_forked_process_has_threads_of_its_own() -> None:
    assert each(abs, [-1, -2], threads=2) == [1, 2]
    fork = multiprocessing.get_context("fork")
    answers = fork.SimpleQueue()
    child = fork.Process(target=_in_a_fork, args=(answers,))
    child.start()
    child.join(20)
    child.kill()
    assert child.exitcode == 0 and answers.get() == [1, 2]

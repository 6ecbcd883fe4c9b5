"""A token bucket gives what its formula does, and forgets who was not seen for long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from online.service.rates import Rate, TokenBuckets, client_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(
    st.integers(1, 5),
    st.sampled_from([0.5, 1.0, 4.0]),
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, 8.0]), max_size=40),
)
def test_it_takes_what_a_slow_twin_takes(burst: int, per_second: float, gaps: list[float]) -> None:
    clock = Clock()
    buckets = TokenBuckets(Rate(per_second, burst), clock=clock)
    tokens = float(burst)
    for gap in gaps:
        clock.now += gap
        for _ in range(int(gap * 1000)):  # drop by drop
            tokens = min(burst, tokens + per_second / 1000)
        tokens = round(tokens, 6)
        waits = buckets.take("a")
        assert (waits == 0) == (tokens >= 1)
        if waits == 0:
            tokens -= 1
        else:
            assert waits == pytest.approx((1 - tokens) / per_second)


def test_clients_have_buckets_of_their_own_and_few_are_kept() -> None:
    buckets = TokenBuckets(Rate(0.001, 1), clock=Clock())
    assert buckets.take("a") == 0 and buckets.take("a") > 0 and buckets.take("b") == 0
    for client in range(20_000):
        buckets.take(str(client))
    assert len(buckets._levels) <= 10_000


def test_an_owner_of_many_addresses_is_one_client() -> None:
    assert client_of("2001:db8:1:2::1") == client_of("2001:db8:1:2:ffff::9")
    assert client_of("2001:db8:1:2::1") != client_of("2001:db8:1:3::1")
    assert client_of("::ffff:192.0.2.1") == client_of("192.0.2.1") == "192.0.2.1"
    assert client_of("unix:") == "unix:"


@pytest.mark.parametrize(("per_second", "burst"), [(0, 1), (-1, 1), (1, 0), (float("nan"), 1)])
def test_a_rate_that_lets_nothing_pass_is_refused(per_second: float, burst: int) -> None:
    with pytest.raises(ConfigError):
        Rate(per_second, burst)

"""Axes of the benchmark's pictures."""

from __future__ import annotations

import pytest

from bench.scales import axis, written


def test_values_over_decades_get_a_logarithmic_axis() -> None:
    found = axis([10, 100, 1_000, 10_000])
    assert found.log
    assert [value for value, _ in found.ticks] == [10, 100, 1_000, 10_000]
    assert found.place(1_000) == pytest.approx(3)


def test_zero_lies_a_decade_below_the_smallest_value_of_a_logarithmic_axis() -> None:
    found = axis([0, 10_000, 1_000_000])
    assert found.place(0) == pytest.approx(found.place(10_000) - 1)
    assert found.ticks[0] == (0.0, found.place(0))


def test_values_of_one_decade_get_a_linear_axis() -> None:
    found = axis([102.6, 110.0])
    assert not found.log
    assert found.place(105) == 105


def test_an_axis_from_zero_begins_there() -> None:
    assert axis([3.0, 4.0], from_zero=True).ticks[0][0] == 0


@pytest.mark.parametrize("values", [[5.0], [0.0], [0.0, 0.0], [-3.0, 2.0], [1e-6, 1.0], [7.0, 7.0]])
def test_all_values_lie_within_the_ends(values: list[float]) -> None:
    found = axis(values)
    assert all(found.low <= found.place(value) <= found.high for value in values)
    assert found.low < found.high
    assert found.ticks


def test_a_negative_value_has_no_place_on_a_logarithmic_axis() -> None:
    with pytest.raises(ValueError, match="not on a logarithmic axis"):
        axis([1, 1_000]).place(-1)


def test_ticks_are_few() -> None:
    assert len(axis([0.0, 317.0]).ticks) <= 8


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.25, "0.25"), (7, "7"), (2_000, "2,000"), (10_000, "10k"), (1_000_000, "1M"), (2_500_000, "2.5M")],
)
def test_ticks_are_written_short(value: float, text: str) -> None:
    assert written(value) == text

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from lumina_sdk.contract import CronLine, Interval, interval_s

cron = TypeAdapter(CronLine)
interval = TypeAdapter(Interval)


@pytest.mark.parametrize(
    "line",
    ["* * * * *", "*/15 * * * *", "0 3 * * *", "0,30 8-18 1 jan-jun mon-fri", "0-59/2 0 31 12 7", "5 4 * * SUN"],
)
def test_cron_lines_are_read(line: str) -> None:
    assert cron.validate_python(line) == line


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("* * * *", "4 fields"),
        ("* * * * * *", "6 fields"),
        ("60 * * * *", "'60' is no minute"),
        ("* 24 * * *", "'24' is no hour"),
        ("* * 0 * *", "'0' is no day of the month"),
        ("* * * 13 *", "'13' is no month"),
        ("* * * * 8", "'8' is no day of the week"),
        ("*/0 * * * *", "'*/0' is no minute"),
        ("5/10 * * * *", "'5/10' is no minute"),
        ("30-10 * * * *", "'30-10' is no minute"),
        ("1,,2 * * * *", "'1,,2' is no minute"),
        ("-1 * * * *", "'-1' is no minute"),
        ("@daily", "1 fields"),
        ("٣ * * * *", "0 fields"),
    ],
)
def test_what_is_no_cron_line_is_refused_with_the_field_that_is_wrong(line: str, says: str) -> None:
    with pytest.raises(ValidationError, match="is no cron line") as caught:
        cron.validate_python(line)

    assert says in str(caught.value)


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), ("10m", 600), ("2h", 7200), ("1d", 86_400)])
def test_an_interval_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert interval_s(interval.validate_python(text)) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "0m", "-1m", "1.5h", "10 m", "10min", "1w"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="is no interval"):
        interval.validate_python(text)

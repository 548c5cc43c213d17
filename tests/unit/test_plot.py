"""The terminal plot, sign by sign."""

from itertools import pairwise

import pytest
from rich.markup import render

from alcli.cli.plot import ASCII, UNICODE, look_for, plot, ticks

CURVES = {"margin": [(100, 0.6), (200, 0.75), (300, 0.8)], "random": [(100, 0.6), (200, 0.65), (300, 0.71)]}

IN_ASCII = """\
 accuracy             * margin   o random
 0.80 +                               ..*
      |                           ....
      |                       ....
      |                   ....
 0.75 +                *..
      |               ..
      |              .
      |             .                  .o
 0.70 +           ..                ...
      |          .              ....
      |        ..            ...
      |       .          ....
 0.65 +     ..        .o.
      |    .      ....
      |   .   ....
      | ......
 0.60 +*..
      ++---------------+----------------+
       100            200             300
                     labels"""

IN_UNICODE = """\
 accuracy             ● margin   ○ random
 0.80 ┤                               ⢀⡠●
      │                           ⢀⡠⠔⠊⠁
      │                       ⢀⡠⠔⠊⠁
      │                   ⢀⡠⠔⠊⠁
 0.75 ┤                ●⠔⠊⠁
      │               ⡰⠁
      │             ⢀⠜
      │            ⢠⠊                  ⢀○
 0.70 ┤           ⡰⠁                ⢀⠤⠒⠁
      │         ⢀⠎               ⡠⠔⠊⠁
      │        ⡠⠃            ⢀⡠⠒⠉
      │       ⡔⠁          ⣀⠔⠊⠁
 0.65 ┤     ⢀⠎        ⣀○⠒⠉
      │    ⡰⠁     ⣀⠤⠒⠉
      │  ⢀⠜   ⣀⠤⠒⠉
      │ ⢠⠊⣀⠤⠒⠉
 0.60 ┤●⠁⠉
      └┬───────────────┬────────────────┬
       100            200             300
                     labels"""


def test_a_plot_in_plain_ascii():
    assert "\n".join(plot(CURVES, "labels", "accuracy", width=41, look=ASCII)) == IN_ASCII


def test_a_plot_in_unicode():
    assert "\n".join(plot(CURVES, "labels", "accuracy", width=41)) == IN_UNICODE


@pytest.mark.parametrize("width", [40, 80, 96])
@pytest.mark.parametrize("look", [ASCII, UNICODE])
def test_no_line_is_wider_than_it_may_be(width, look):
    lines = plot(CURVES, "labels", "accuracy", width=width, look=look)
    assert max(map(len, lines)) == width
    assert not any(line != line.rstrip() for line in lines)


def test_ascii_is_ascii():
    assert "".join(plot(CURVES, "labels", "accuracy", look=look_for("iso8859-1"))).isascii()
    assert look_for("ascii").marks == ASCII.marks
    assert look_for("UTF-8").marks == look_for("utf8").marks == UNICODE.marks


def test_styles_add_colour_and_change_no_sign():
    painted = plot(CURVES, "labels", "accuracy", look=look_for("utf-8", ("green", "yellow")))
    assert [render(line).plain for line in painted] == plot(CURVES, "labels", "accuracy")
    assert "[green]● margin[/]   [yellow]○ random[/]" in painted[0]


def test_where_curves_meet_the_first_lies_on_top():
    same = [(0, 0), (10, 1)]
    lines = plot({"ours": same, "theirs": same}, "x", "y", width=40, look=ASCII)
    assert "*" in lines[1]
    assert not any("o" in line for line in lines[1:])


def test_one_point_and_a_flat_curve_have_a_place_too():
    assert "●" in "".join(plot({"a": [(5, 0.5)]}, "x", "y")[1:])
    assert sum(line.count("●") for line in plot({"a": [(1, 3.0), (2, 3.0)]}, "x", "y")[1:]) == 2
    assert plot({"a": []}, "x", "y") == plot({}, "x", "y") == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.655, 0.847], [0.65, 0.7, 0.75, 0.8, 0.85]),
        ([0.6, 0.8], [0.6, 0.65, 0.7, 0.75, 0.8]),
        ([0, 1], [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ([3, 4100], [0, 1000, 2000, 3000, 4000, 5000]),
        ([0.5, 0.5], [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ([-1, 1], [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks_are_round_numbers_around_all_values(values, expected):
    assert ticks(values) == pytest.approx(expected)
    assert len({round(after - before, 9) for before, after in pairwise(ticks(values))}) == 1


def test_labels_of_ticks_that_would_touch_are_left_out():
    lines = plot({"a": [(x, x) for x in range(100, 1100, 10)]}, "x", "y", width=60, look=ASCII)
    numbers = [int(word.replace(",", "")) for word in lines[-2].split()]
    assert numbers[0] == 100
    assert numbers == sorted(set(numbers))


def test_a_legend_that_is_too_long_stands_below_a_curve_a_line() -> None:
    names = [f"a strategy of some length {n}" for n in range(3)]
    lines = plot({name: [(0, 1), (10, 2)] for name in names}, "labels", "accuracy", width=60)
    assert lines[0] == " accuracy"
    legend = [f"{mark} {name}" for mark, name in zip("●○◆", names, strict=True)]
    assert [line.strip() for line in lines[1:4]] == legend
    assert max(map(len, lines)) <= 60

"""The picture of learning curves: SVG that parses, PNG that opens, nothing lost, the same bytes each time."""

from __future__ import annotations

import io
import subprocess
import sys
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from alcli.drawing import Scene, Series, draw
from alcli.drawing.frame import apart

SVG = "{http://www.w3.org/2000/svg}"
ARMS = (
    "random_sampling",
    "margin",
    "badge",
    "entropy",
    "core_set",
    "typiclust",
    "bald",
    "uncertainty_herding",
)


def curve(lift: float = 0.0, rounds: int = 12) -> Series:
    x = np.linspace(100, 1700, rounds)
    y = 0.85 - (0.25 - lift) * np.exp(-x / 500)
    return Series(x.tolist(), y.tolist(), (y - 0.01).tolist(), (y + 0.01).tolist())


def picture(n_arms: int = 3, rounds: int = 12, title: str = "Learning curves", **options: object) -> Scene:
    names = [*ARMS, *(f"arm_{number}" for number in range(n_arms))][:n_arms]
    series = {name: curve(0.02 * number, rounds) for number, name in enumerate(names)}
    return draw(series, title=title, x_name="labels", y_name="accuracy", **options)  # type: ignore[arg-type]


def parsed(scene: Scene) -> ElementTree.Element:
    return ElementTree.fromstring(scene.to_svg())


def texts(scene: Scene) -> list[str]:
    return [element.text or "" for element in parsed(scene).iter(f"{SVG}text")]


def opened(scene: Scene) -> Image.Image:
    return Image.open(io.BytesIO(scene.to_png()))


@pytest.mark.parametrize("n_arms", [1, 2, 4, 8, 20])
def test_every_text_is_in_the_svg(n_arms: int) -> None:
    scene = picture(n_arms, target=0.8131)
    found = texts(scene)
    for text in ("Learning curves", "labels", "accuracy", "target 0.813", "100", "1,700", *ARMS[:n_arms]):
        assert found.count(text) == 1, text


@given(st.text(min_size=1, max_size=30), st.text(max_size=80))
@settings(max_examples=60, deadline=None)
def test_whatever_the_names_the_svg_parses_and_loses_no_text(name: str, title: str) -> None:
    scene = draw({name: curve()}, title=title, x_name=name, y_name="<&>\"'")
    found = parsed(scene)
    assert "<&>\"'" in texts(scene)
    if name.isprintable() and title.isprintable():
        assert texts(scene).count(name) >= 2
        assert "".join("".join(texts(scene)).split()).startswith("".join(title.split()))
        assert found.get("aria-label") == title


def test_points_tell_their_figures_under_the_pointer() -> None:
    scene = draw(
        {"margin": Series([100], [0.5], [0.4], [0.6])}, title="t", x_name="labels", y_name="accuracy"
    )
    titles = [element.text for element in parsed(scene).iter(f"{SVG}title")]
    assert titles == ["margin: 0.500 [0.400, 0.600] at 100 labels"]


def test_a_png_opens_with_the_size_of_the_scene_twice_over() -> None:
    scene = picture()
    image = opened(scene)
    assert image.format == "PNG"
    assert image.size == (2 * scene.width, 2 * scene.height)


def test_a_png_shows_the_curves_in_their_colours_and_random_sampling_in_grey() -> None:
    colors = {color for _, color in opened(picture()).convert("RGB").getcolors(1 << 20) or []}
    assert {(0, 114, 178), (213, 94, 0), (138, 138, 138)} <= colors


def test_the_same_scene_gives_the_same_bytes() -> None:
    assert picture(8, target=0.8).to_svg() == picture(8, target=0.8).to_svg()
    assert picture(8, target=0.8).to_png() == picture(8, target=0.8).to_png()


@pytest.mark.parametrize(("n_arms", "rounds"), [(8, 50), (20, 50), (2, 300)])
def test_an_svg_stays_small(n_arms: int, rounds: int) -> None:
    assert len(picture(n_arms, rounds, target=0.8).to_svg().encode()) < 60_000


@pytest.mark.parametrize("n_arms", [1, 8])
def test_a_single_round_is_a_picture_too(n_arms: int) -> None:
    scene = picture(n_arms, 1, target=0.9)
    assert len(list(parsed(scene).iter(f"{SVG}circle"))) == n_arms
    assert opened(scene).size[0] > 1000


def test_one_point_of_one_curve_without_an_interval_is_drawn() -> None:
    scene = draw({"margin": Series([0], [0])}, title="", x_name="labels", y_name="accuracy")
    assert "margin" in texts(scene)
    assert opened(scene).size[0] > 1000


def test_what_is_not_finite_is_left_out() -> None:
    nan, inf = float("nan"), float("inf")
    series = {"a": Series([1, 2, nan, 4], [0.1, nan, 0.3, 0.4], [nan] * 4, [inf, 0.5, 0.5, 0.5])}
    scene = draw(series, title="t", x_name="x", y_name="y")
    assert "nan" not in scene.to_svg()
    assert "inf" not in scene.to_svg()
    assert len(list(parsed(scene).iter(f"{SVG}circle"))) == 2


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="no curves"):
        draw({}, title="t", x_name="x", y_name="y")
    with pytest.raises(ValueError, match="'a' has no point"):
        draw({"a": Series([float("nan")], [1.0])}, title="t", x_name="x", y_name="y")


FLOATS = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda value: round(value, 6))


@given(st.lists(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=6), min_size=1, max_size=5))
@settings(max_examples=80, deadline=None)
def test_whatever_the_curves_everything_lies_inside_the_picture(
    curves: list[list[tuple[float, float]]],
) -> None:
    series = {
        f"arm {number}": Series(*zip(*sorted(points), strict=True)) for number, points in enumerate(curves)
    }
    scene = draw(series, title="t", x_name="x", y_name="y")
    root = parsed(scene)
    for element in root.iter(f"{SVG}circle"):
        assert 0 <= float(element.get("cx", "nan")) <= scene.width
        assert 0 <= float(element.get("cy", "nan")) <= scene.height
    for element in root.iter(f"{SVG}text"):
        assert 0 <= float(element.get("x", "nan")) <= scene.width
        assert 0 <= float(element.get("y", "nan")) <= scene.height


@given(st.lists(st.floats(-50, 450), min_size=1, max_size=20))
@settings(deadline=None)
def test_names_keep_their_distance_their_order_and_their_bounds(wanted: list[float]) -> None:
    places = apart(wanted, 17, 0, 400)
    order = sorted(range(len(wanted)), key=lambda number: wanted[number])
    assert all(places[b] - places[a] > 17 - 1e-6 for a, b in pairwise(order))
    assert min(places) >= 0
    assert max(places) <= 400 + 1e-6


def test_names_with_room_stay_where_they_want_to_be() -> None:
    assert apart([300, 100, 200], 17, 0, 400) == [300, 100, 200]


def test_an_svg_needs_no_pillow() -> None:
    code = (
        "import sys; from alcli.drawing import Series, draw; "
        "draw({'a': Series([1], [1])}, title='', x_name='', y_name='').to_svg(); "
        "sys.exit('PIL' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

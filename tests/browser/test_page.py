"""What a person does on the page, done with a mouse in a real browser."""

from __future__ import annotations

import base64
import io
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

av = pytest.importorskip("av", reason="needs the extra `film`")
pytest.importorskip("playwright", reason="needs Playwright")

from playwright.sync_api import Page, expect  # noqa: E402

from backend.web.examples import write_examples  # noqa: E402
from tests.served_page import PATIENCE_SECONDS, ServedPage, bad_uploads, wait_until  # noqa: E402

Visit = Callable[..., Page]
expect.set_options(timeout=PATIENCE_SECONDS * 1000)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_examples(tmp_path_factory.mktemp("keys"))[0][1:]


def carried(page: Page, path: Path, name: str = "") -> Any:
    """Return the file, under another name if that is given, as a drag or a paste carries it."""
    return page.evaluate_handle(
        """([data, name]) => {
            const carried = new DataTransfer();
            const bytes = Uint8Array.from(atob(data), part => part.charCodeAt(0));
            carried.items.add(new File([bytes], name, {type: "image/png"}));
            return carried;
        }""",
        [base64.b64encode(path.read_bytes()).decode(), name or path.name],
    )


def drop(page: Page, target: str, path: Path, name: str = "") -> None:
    dropped = {"dataTransfer": carried(page, path, name), "bubbles": True}
    page.dispatch_event(f"{target} button", "drop", dropped)


def choose(page: Page, target: str, path: Path) -> None:
    """Choose a file in the file chooser that a click opens."""
    with page.expect_file_chooser() as opened:
        page.locator(f"{target} button").filter(has_text="Click to Upload").click()
    opened.value.set_files(path)


def give_both(page: Page, keys: tuple[Path, Path]) -> None:
    choose(page, "#start", keys[0])
    choose(page, "#end", keys[1])
    expect(page.locator("#guide .paper img")).to_be_visible()


def circle(page: Page, x: float, y: float, radius: float) -> None:
    """Draw a circle on the guide's sheet with the mouse; in parts of the sheet's width."""
    page.locator("#guide canvas").scroll_into_view_if_needed()
    box = page.locator("#guide canvas").bounding_box()
    assert box
    around = [
        (x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in np.linspace(0, 2 * math.pi, 49)
    ]
    places = [(box["x"] + box["width"] * across, box["y"] + box["width"] * down) for across, down in around]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
    page.mouse.up()


def set_number(page: Page, label: str, value: float) -> None:
    field = page.get_by_label(f"number input for {label}")
    field.fill(str(value))
    field.press("Enter")


def generate(page: Page) -> None:
    page.get_by_role("button", name="Generate In-betweens").click()


def download(page: Page, name: str) -> bytes:
    with page.expect_download() as begun:
        page.get_by_role("link", name=name, exact=True).click()
    assert begun.value.suggested_filename.startswith("inbetweens.")
    return Path(begun.value.path()).read_bytes()


def shown(page: Page) -> str:
    return page.locator("#result output").inner_text()


def pixels(picture: Any) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGBA"))


def test_from_two_dropped_files_and_a_drawn_guide_to_pictures_that_play_and_are_kept(
    visit: Visit, served: ServedPage, keys: tuple[Path, Path], out: Path
) -> None:
    page = visit()
    drop(page, "#start", keys[0])
    expect(page.locator("#start img")).to_be_visible()
    drop(page, "#end", keys[1])
    expect(page.locator("#guide .paper img")).to_be_visible()
    circle(page, 0.5, 0.19, 0.11)
    for x, y, radius in ((0.46, 0.165, 0.022), (0.54, 0.165, 0.022), (0.5, 0.23, 0.02)):
        circle(page, x, y, radius)  # eyes and mouth
    set_number(page, "Guide at", 0.5)
    generate(page)
    expect(page.locator("#status progress")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_enabled()
    expect(page.locator("#result .strip img")).not_to_have_count(0)
    page.screenshot(path=out / "page_during.png")
    expect(page.get_by_text("7 in-betweens drawn.")).to_be_visible()
    seen = set()
    wait_until(lambda: len(seen.add(shown(page)) or seen) == 9)  # it plays, again and again
    page.get_by_role("button", name="Pause").click()
    paused = shown(page)
    page.wait_for_timeout(500)
    assert shown(page) == paused
    page.locator("#result .strip img").nth(4).click()
    assert shown(page) == "5 / 9"
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=out / "page.png", full_page=True)

    (job,) = served.place.glob("made/*/*/job.json")
    made = [*sorted((job.parent / "keys").glob("*.png"))]
    made[1:1] = sorted((job.parent / "frames").glob("*.png"))
    middle = np.asarray(Image.open(made[4]))
    assert np.nonzero(middle[..., 3])[0].mean() == pytest.approx(0.19 * 512, abs=8), "the guide leads the middle"
    with zipfile.ZipFile(io.BytesIO(download(page, "PNG Sequence"))) as kept:
        assert kept.namelist() == [f"{number:04d}.png" for number in range(1, 10)]
        for name, path in zip(kept.namelist(), made, strict=True):
            assert np.array_equal(pixels(kept.read(name)), np.asarray(Image.open(path)))
    gif = Image.open(io.BytesIO(download(page, "GIF")))
    assert (gif.n_frames, gif.size, gif.info["loop"]) == (9, (512, 320), 0)
    with av.open(io.BytesIO(download(page, "MP4"))) as movie:
        frames = [frame.to_ndarray(format="rgb24") for frame in movie.decode(video=0)]
        assert movie.streams.video[0].codec_context.name == "h264" and movie.streams.video[0].average_rate == 24
    assert len(frames) == 18 and frames[0].shape == (320, 512, 3)
    over_white = Image.alpha_composite(Image.new("RGBA", (512, 320), "white"), Image.open(made[4]))
    assert np.abs(frames[8].astype(int) - np.asarray(over_white)[..., :3]).mean() < 2
    assert (
        page.evaluate(
            """async () => {
            const film = document.createElement("video");
            film.src = document.querySelector('a[data-ending="mp4"]').href;
            await new Promise((loaded, failed) => { film.oncanplay = loaded; film.onerror = failed; film.load(); });
            return film.videoWidth;
        }"""
        )
        == 512
    ), "the browser plays the MP4"


def test_a_picture_pasted_anywhere_goes_into_the_first_empty_field(visit: Visit, keys: tuple[Path, Path]) -> None:
    page = visit()
    paste = """clipboardData => document.body.dispatchEvent(
        new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true}))"""
    for key, field in zip(keys, ("#start", "#end"), strict=True):
        page.evaluate(paste, carried(page, key))
        expect(page.locator(f"{field} img")).to_be_visible()
    expect(page.locator("#guide .paper img")).to_be_visible()


def test_keys_that_follow_each_other_closely_are_looked_at_each_time(
    visit: Visit, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    page = visit()
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    for number in range(10):
        drop(page, "#start", bad, f"{number} bad.png")
        expect(page.locator("#status .wrong").filter(has_text=f"“{number} bad.png")).to_be_visible()
        give_both(page, keys)
        for field in ("#start", "#end"):
            page.locator(field).get_by_label("Remove Image").click()
            expect(page.locator(field).get_by_text("Click to Upload")).to_be_visible()
        expect(page.locator("#guide .paper img")).to_be_hidden()


def test_cancelled_it_stops_and_what_was_drawn_stays_and_it_can_begin_again(
    visit: Visit, keys: tuple[Path, Path]
) -> None:
    page = visit()
    give_both(page, keys)
    set_number(page, "In-betweens", 60)
    generate(page)
    expect(page.locator("#result .strip img")).not_to_have_count(0)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled.")).to_be_visible()
    assert 0 < page.locator("#result .strip img").count() < 62
    expect(page.get_by_role("button", name="Cancel")).to_be_disabled()
    set_number(page, "In-betweens", 2)
    generate(page)
    expect(page.get_by_text("2 in-betweens drawn.")).to_be_visible()
    expect(page.locator("#result .strip img")).to_have_count(4)


def test_a_guide_can_be_taken_back_stroke_by_stroke(visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="Ball").click()
    expect(page.locator("#guide .paper img")).to_be_visible()
    undo, clear = (page.get_by_role("button", name=name) for name in ("Undo", "Clear"))
    expect(undo).to_be_disabled()
    inked = """() => {
        const pen = document.querySelector("#guide canvas").getContext("2d");
        return pen.getImageData(0, 0, 512, 320).data.some(part => part);
    }"""
    circle(page, 0.5, 0.2, 0.1)
    circle(page, 0.5, 0.3, 0.1)
    assert page.evaluate(inked)
    undo.click()
    assert page.evaluate(inked)
    undo.click()
    assert not page.evaluate(inked)
    circle(page, 0.5, 0.2, 0.1)
    clear.click()
    assert not page.evaluate(inked)
    expect(clear).to_be_disabled()


def test_what_one_person_has_no_other_person_sees_and_both_are_served_in_turn(
    visit: Visit, keys: tuple[Path, Path]
) -> None:
    one, other = visit(), visit()
    give_both(one, keys)
    set_number(one, "In-betweens", 12)
    other.get_by_role("button", name="Plant").click()
    expect(other.locator("#guide .paper img")).to_be_visible()
    set_number(other, "In-betweens", 1)
    generate(one)
    expect(one.locator("#result .strip img")).not_to_have_count(0)
    generate(other)
    expect(other.get_by_text("Waiting: 1 before you")).to_be_visible()
    expect(one.get_by_text("12 in-betweens drawn.")).to_be_visible()
    expect(other.get_by_text("1 in-between drawn.")).to_be_visible()
    sources = one.eval_on_selector_all("#start img, #result .paper img", "all => all.map(one => one.src)")
    links = one.eval_on_selector_all("#result a", "all => all.map(one => one.href)")
    assert len(sources) == 15 and len(links) == 3
    for address in sources + links:
        # Both have drawings of the same names; under such an address the other gets its own, or nothing.
        status, ours = fetched(one, address)
        assert status == 200 and fetched(other, address) != (200, ours)


def fetched(page: Page, address: str) -> tuple[int, str]:
    """Return what a page gets when it asks for an address: the status, and a hash of the content."""
    status, content = page.evaluate(
        """async address => {
            const answer = await fetch(address);
            const hash = await crypto.subtle.digest("SHA-256", await answer.arrayBuffer());
            return [answer.status, [...new Uint8Array(hash)].join(" ")];
        }""",
        address,
    )
    return status, content


def test_fifty_bad_files_are_each_said_at_once_and_taken_away_and_good_ones_are_taken(
    visit: Visit, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    page = visit()
    for number, bad in enumerate(bad_uploads(tmp_path)):
        name = f"{number:02d} {bad.name}"
        drop(page, "#start", bad, name)
        message = page.locator("#status .wrong").filter(has_text=f"The picture “{name[:3]}")
        expect(message).to_contain_text("Choose another picture.")
        expect(page.locator("#start").get_by_text("Click to Upload")).to_be_visible()
    give_both(page, keys)
    expect(page.locator("#status .wrong")).to_have_count(0)


def test_closing_the_page_takes_away_what_was_uploaded_and_drawn(
    visit: Visit, served: ServedPage, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    own = tmp_path / "own.png"
    Image.open(keys[0]).rotate(180).save(own)
    before = set(served.place.glob("made/*/*"))
    page = visit()
    give_both(page, (own, keys[1]))
    set_number(page, "In-betweens", 60)
    generate(page)
    expect(page.locator("#result .strip img")).not_to_have_count(0)
    left = [*set(served.place.glob("made/*/*")) - before, *served.place.glob("uploads/*/own.png")]
    assert len(left) == 3, "the guide's sheet, a job, a picture"
    page.close()
    wait_until(lambda: not any(path.exists() for path in left))


def test_what_the_model_has_half_finished_is_shown_meanwhile_and_cancelled_at_once(
    visit: Visit, served_with_model: ServedPage, keys: tuple[Path, Path], out: Path
) -> None:
    page = visit(at=served_with_model)
    give_both(page, keys)
    page.get_by_label("Engine").click()
    page.get_by_role("option", name="ToonCrafter").click()
    expect(page.get_by_label("number input for Lead From")).to_be_visible()
    page.get_by_role("button", name="Look").click()
    set_number(page, "Steps", 200)
    generate(page)
    page.wait_for_function(
        """() => {
            const half = document.querySelector("#result .half img");
            return half.offsetParent && half.naturalWidth > 0;
        }"""
    )
    expect(page.locator("#status")).to_contain_text("0 of 7")
    page.screenshot(path=out / "page_half.png")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled.")).to_be_visible()
    set_number(page, "Steps", 2)
    generate(page)
    expect(page.get_by_text("7 in-betweens drawn.")).to_be_visible()
    expect(page.locator("#result .strip img")).to_have_count(9)
    expect(page.locator("#result .half")).to_be_hidden()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 400), ("dark", 400)])
def test_the_page_fits_the_window_and_every_text_can_be_read(
    visit: Visit, out: Path, scheme: str, width: int
) -> None:
    page = visit(width, color_scheme=scheme)
    page.get_by_role("button", name="Ball").click()
    expect(page.locator("#guide .paper img")).to_be_visible()
    set_number(page, "In-betweens", 3)
    generate(page)
    expect(page.get_by_text("3 in-betweens drawn.")).to_be_visible()
    page.locator("#result .strip img").nth(2).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = [page.locator(name).bounding_box() for name in ("#keys", "#guide", "#panel", "#result")]
    assert all(box and box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=out / f"page_{width}_{scheme}.png", full_page=True)

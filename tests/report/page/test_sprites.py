"""Pictures on sheets: which object is where, what the pixels are, what can't be shown, and what it costs."""

from __future__ import annotations

import base64
import io
import json
import tracemalloc

import numpy as np
import pytest

from pyalign.extraction.images import as_images
from pyalign.report.page import html as module
from pyalign.report.page.html import ACROSS, LARGEST, SHEET, SIDE, Sprites, thumbnail

pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

NAMES = ("apple", 'a "quoted" <b>&amp;', "שלום", "pear\u202etxt", "two words", "<script>alert(1)</script>")


def pixels(k, size=(60, 40)):
    """(40, 60, 3): a plain color that tells k, with a corner of another."""
    image = np.full((size[1], size[0], 3), [(37 * k) % 256, (91 * k) % 256, (153 * k) % 256], np.uint8)
    image[:10, :10] = 255 - image[0, 0]
    return image


def named(names):
    return as_images([pixels(k) for k in range(len(names))], names=names)


def finished(sprites, **options):
    """What the page holds, the notes, and a function: name -> the pixels of its tile, read back from its sheet."""
    data = {}
    notes = sprites.finish(data.__setitem__, **options)
    data = json.loads(json.dumps(data))

    def tile(name):
        place = data["pictures"]["places"][sprites.tile(name)]
        if place < 0:
            return None
        sheet = data[data["pictures"]["sheets"][place // data["pictures"]["per"]]]
        image = pillow.open(io.BytesIO(base64.b64decode(sheet["data"]))).convert("RGB")
        assert image.size == (ACROSS * SIDE, sheet["rows"] * SIDE)
        at = place % SHEET
        x, y = at % ACROSS * SIDE, at // ACROSS * SIDE
        return np.asarray(image.crop((x, y, x + SIDE, y + SIDE)), dtype=float)

    return data, notes, tile


def test_a_tile_holds_the_pixels_of_its_object():
    names = [f"object {k}" for k in range(SHEET + 40)]
    sprites = Sprites(named(names))
    wanted = names[5:] + names[:5]
    for name in wanted:
        sprites.html(name)
    data, notes, tile = finished(sprites)
    assert notes == () and data["pictures"]["sheets"] == ["pictures-0", "pictures-1"]
    assert data["pictures"]["places"] == list(range(len(names)))
    for name in (wanted[0], wanted[15], wanted[16], wanted[SHEET - 1], wanted[SHEET], wanted[-1]):
        expected = np.asarray(thumbnail(pixels(names.index(name))), dtype=float)
        assert np.abs(tile(name) - expected).mean() < 4
    assert data["pictures-1"]["rows"] == 3


def test_a_thumbnail_is_the_whole_image_in_a_white_square():
    wide = np.asarray(thumbnail(pixels(3, (200, 100))))
    assert wide.shape == (SIDE, SIDE, 3)
    assert (wide[: SIDE // 4] == 255).all() and (wide[-SIDE // 4 :] == 255).all()
    np.testing.assert_allclose(wide[SIDE // 2, SIDE // 2], [111, 17, 203], atol=2)


def test_objects_that_are_not_asked_for_are_in_no_sheet():
    names = [f"object {k}" for k in range(300)]
    sprites = Sprites(named(names))
    sprites.html(names[7])
    sprites.html(names[7])
    data, _, _ = finished(sprites)
    assert data["pictures"]["places"] == [0] and data["pictures-0"]["rows"] == 1
    assert len(data["pictures-0"]["data"]) < 2000
    nothing, notes, _ = finished(Sprites(named(names)))
    assert nothing == {} and notes == ()


def test_names_are_text_whatever_they_hold():
    sprites = Sprites(named(NAMES))
    for name in NAMES:
        html = sprites.html(name, f"neighbor: {name}")
        assert "<script" not in html and "<b>" not in html and "\u202e" not in html
        assert html.count('"') == 8  # of four attributes
        assert "&lt;script&gt;" in html or "script" not in name
    assert finished(sprites)[0]["pictures"]["places"] == list(range(len(NAMES)))


def test_the_same_images_give_the_same_bytes():
    def made():
        sprites = Sprites(named(NAMES))
        for name in NAMES[::-1]:
            sprites.html(name)
        return finished(sprites)[0]

    assert made() == made()


def test_missing_and_broken_images_are_notes_and_their_names_text(tmp_path):
    for name in ("apple", "pear"):
        pillow.fromarray(pixels(1)).save(tmp_path / f"{name}.png")
    (tmp_path / "plum.png").write_bytes(b"not an image")
    sprites = Sprites(tmp_path)
    assert sprites.html("kiwi") == '<span class="picture none">kiwi</span>'
    assert sprites.tile("kiwi") is None
    for name in ("plum", "pear"):
        assert 'role="img"' in sprites.html(name)
    data, notes, tile = finished(sprites)
    assert data["pictures"]["places"] == [-1, 0] and tile("plum") is None and tile("pear") is not None
    assert notes[0] == "1 of 3 objects have no image: 'kiwi'."
    assert notes[1].startswith("1 image can't be shown: plum.png: ") and len(notes) == 2


def test_images_are_found_as_thumbnails_find_them(tmp_path):
    for layout in ("images/{0}/{0}_01b.jpg", "images/{0}/{0}_02b.jpg"):
        for name in ("cat", "dog"):
            path = tmp_path / layout.format(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            pillow.fromarray(pixels(9)).save(path)
    sprites = Sprites(tmp_path)
    assert [sprites.tile(name) for name in ("dog", "cat", "dog")] == [0, 1, 0]
    assert finished(sprites)[0]["pictures"]["places"] == [0, 1]


def test_a_budget_leaves_out_the_last_and_says_so():
    names = [f"object {k}" for k in range(30)]
    sprites = Sprites(named(names), budget=20 * LARGEST)
    for name in names:
        sprites.tile(name)
    data, notes, _ = finished(sprites)
    assert data["pictures"]["places"] == [*range(20), *[-1] * 10]
    assert notes == (
        "The pictures of 10 objects are left out, as all together may take 0.1 MB: 'object 20', 'object 21', "
        "'object 22' and 7 more.",
    )


@pytest.mark.parametrize("webp", [True, False])
def test_a_sheet_keeps_to_its_bytes_whatever_is_on_it(webp, monkeypatch):
    if webp and not module.webp():
        pytest.skip("Pillow was built without WebP")
    monkeypatch.setattr(module, "webp", lambda: webp)
    noise = np.random.default_rng(0).integers(0, 256, (32, SIDE, SIDE, 3), dtype=np.uint8)
    names = [f"object {k}" for k in range(32)]
    sprites = Sprites(as_images(noise, names=names))
    for name in names:
        sprites.tile(name)
    sheet = finished(sprites)[0]["pictures-0"]
    assert sheet["type"] == ("image/webp" if webp else "image/jpeg")
    assert len(sheet["data"]) <= 32 * LARGEST + 4


def test_progress_is_told_of_each_picture():
    sprites, spoken = Sprites(named(NAMES)), []
    for name in NAMES:
        sprites.tile(name)
    finished(sprites, progress=lambda *one: spoken.append(one))
    assert spoken == [("pictures", k, len(NAMES)) for k in range(1, len(NAMES) + 1)]


def test_many_pictures_take_the_memory_of_a_sheet():
    class Numbers:
        """Images that exist when they are asked for."""

        def read(self, k):
            return pixels(k)

        def sizes(self):
            return ()

    from pyalign.extraction.images import Images

    names = tuple(f"object {k}" for k in range(600))
    sprites = Sprites(Images(names, "as given", None, Numbers()))
    for name in names:
        sprites.tile(name)
    sizes = []
    tracemalloc.start()
    sprites.finish(lambda name, value: sizes.append(len(json.dumps(value))))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(sizes) == 4 and peak < 3_000_000 + sum(sizes)  # all tiles as pixels: 16 MB

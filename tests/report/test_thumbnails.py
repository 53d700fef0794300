"""Images of objects: found by name in any layout, shrunk, and nothing that a broken one can stop."""

from __future__ import annotations

import base64
import io
import struct
import zlib

import numpy as np
import pytest

import pyalign
from pyalign.report.charts.gallery import gallery_chart
from pyalign.report.charts.map import LARGEST_TILE, thumbnails
from pyalign.report.charts.theme import notes_of

from .conftest import neighbors, search

pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
pytest.importorskip("altair", reason="altair is not installed")

WHITE = (255, 255, 255)
COLORS = {"apple": (200, 0, 0), "pear": (0, 200, 0), "plum": (0, 0, 200)}


def picture(color=(200, 0, 0), size=(40, 20), mode="RGB"):
    return pillow.new(mode, size, color)


def opened(uri):
    head, _, data = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return pillow.open(io.BytesIO(base64.b64decode(data)))


def save(folder, name, image):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.mark.parametrize("layout", ["{}.png", "{}/01.jpg", "{}_01b.jpg", "images/{0}/{0}_01b.jpg", "a/{}.webp"])
def test_images_are_found_by_the_names_of_objects(layout, tmp_path):
    for name, color in COLORS.items():
        save(tmp_path, layout.format(name), picture(color))
    uris, notes = thumbnails(tmp_path, [*COLORS, "kiwi"], 30, WHITE)
    for name, color in COLORS.items():
        np.testing.assert_allclose(opened(uris[name]).getpixel((5, 5)), color, atol=6)
    assert notes == ["1 of 4 objects have no image: 'kiwi'"]


def test_of_several_images_the_first_is_taken(tmp_path):
    for k, color in enumerate(COLORS.values()):
        save(tmp_path, f"apple/{k}.png", picture(color))
    uris, _ = thumbnails(tmp_path, ["apple"], 30, WHITE)
    np.testing.assert_allclose(opened(uris["apple"]).getpixel((5, 5)), COLORS["apple"], atol=6)


def test_thumbnails_are_small_and_keep_their_proportions(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (600, 1200, 3), dtype=np.uint8)
    save(tmp_path, "apple.png", pillow.fromarray(noise))
    uris, _ = thumbnails(tmp_path, ["apple"], 100, WHITE)
    assert opened(uris["apple"]).size == (300, 150)
    assert len(base64.b64decode(uris["apple"].partition(",")[2])) <= LARGEST_TILE


def test_what_is_transparent_shows_the_background(tmp_path):
    save(tmp_path, "apple.png", picture((9, 9, 9, 0), mode="RGBA"))
    uris, _ = thumbnails(tmp_path, ["apple"], 30, (22, 22, 22))
    np.testing.assert_allclose(opened(uris["apple"]).getpixel((5, 5)), (22, 22, 22), atol=3)


def bomb():
    """A PNG whose header claims 40,000 x 40,000 pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("data", [b"", b"not an image", bomb()], ids=["empty", "text", "bomb"])
def test_a_broken_image_is_a_note_and_its_name_stands_in_its_place(data, tmp_path, rows_of):
    save(tmp_path, "object_0.png", picture())
    (tmp_path / "object_5.png").write_bytes(data)
    drawn = gallery_chart([neighbors(("object_0",), k=2)], images=tmp_path)
    assert "near by both" not in str(drawn.to_dict())  # of one search
    tiles = {row["name"]: row for row in rows_of(drawn, "uri", "below")}
    assert tiles["object_0"]["uri"].startswith("data:image/jpeg") and tiles["object_5"]["uri"] == ""
    assert tiles["object_5"]["inside"].replace("\n", "") == "object_5"
    assert len(notes_of(drawn)) == 2 and "1 image can't be shown: object_5.png: " in notes_of(drawn)[1]


def test_a_truncated_image_is_a_note(tmp_path):
    held = io.BytesIO()
    picture(size=(200, 200)).save(held, "JPEG")
    (tmp_path / "apple.jpg").write_bytes(held.getvalue()[:-300])
    uris, notes = thumbnails(tmp_path, ["apple"], 30, WHITE)
    assert uris == {} and "apple.jpg: is truncated" in notes[0]


def test_a_folder_without_images_is_an_error(tmp_path, message_of):
    message_of(thumbnails, tmp_path, ["apple"], 30, WHITE)
    with pytest.raises(OSError):
        thumbnails(tmp_path / "none", ["apple"], 30, WHITE)


def test_cards_and_maps_show_images(tmp_path, rows_of):
    for name, color in COLORS.items():
        save(tmp_path, f"{name}.png", picture(color))
    x, names = np.array([[3.0, 0], [0, 2], [1, 1], [9, 9]]), [*COLORS, "kiwi"]
    for drawn in (
        pyalign.plot(dimensions=x, names=names, images=tmp_path),
        pyalign.plot(embeddings=x, names=names, images=tmp_path),
    ):
        shown = {row["name"] for row in rows_of(drawn, "uri", "below") if row["uri"]}
        assert shown == set(COLORS)


def test_images_of_a_map_do_not_overlap(tmp_path, rows_of):
    names = [f"o{k}" for k in range(60)]
    for name in names:
        save(tmp_path, f"{name}.png", picture(size=(8, 8)))
    drawn = pyalign.plot(embeddings=np.random.default_rng(0).normal(size=(60, 3)), names=names, images=tmp_path)
    tiles = rows_of(drawn, "uri", "below")
    at = np.array([(row["x"], row["y"]) for row in tiles])
    apart = np.abs(at[:, None] - at[None]).max(axis=2)[~np.eye(len(at), dtype=bool)]
    assert 5 < len(tiles) < 60 and apart.min() >= tiles[0]["x2"] - tiles[0]["x"]
    points = rows_of(drawn, "category", "spoken")
    points = [row for row in points if "uri" not in row]
    assert {row["name"] for row in (*tiles, *points)} == set(names)
    assert len(tiles) + len(points) == 60


def test_long_names_stand_whole_below_images_and_nothing_overlaps(tmp_path, rows_of):
    names = ["artificial inanimate_91", "pear"]
    for name in names:
        save(tmp_path, f"{name}.png", picture())
    drawn = pyalign.plot(dimensions=np.array([[3.0, 1], [1, 2]]), names=names, images=tmp_path)
    tiles = [row for row in rows_of(drawn, "uri", "below") if row["uri"]]
    assert {row["below"] for row in tiles} == {"artificial\ninanimate_91", "pear"}
    frames = rows_of(drawn, "label", "bar")
    assert all(any(f["y"] < row["by"] and row["by"] + 2 * 9 <= f["y2"] + 1 for f in frames) for row in tiles)
    rows = [{"query": "pear", "rank": k + 1, "neighbor": name, "row": k, "similarity": 0.5} for k, name in
            enumerate(names)]
    found = pyalign.plot(search(rows, "/far/away/clip.npz::fc7"), images=tmp_path)
    below = [row["below"] for row in rows_of(found, "uri", "below") if row["frame"] != "query"]
    assert below == ["artificial inanimate_91\n0.500", "pear\n0.500"]  # wide tiles: one line, the number right below
    assert found.to_dict()["title"]["text"] == ["Nearest neighbors by clip::fc7"]

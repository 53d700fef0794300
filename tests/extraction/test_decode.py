"""Every image becomes RGB by the rules of `decode`, or is refused in one line."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import struct
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pyalign.errors import InputError, MissingExtraError
from pyalign.extraction import spelling
from pyalign.extraction.decode import decode, quiet

pytest.importorskip("PIL", reason="Pillow is not installed")
from pictures import colors, files, png, saved, tiff
from PIL import Image, ImageFile, ImageOps, features

FILES = files()
LIMIT = "more than 89,478,485"


def pixels(data, **options):
    image = decode(data, **options)
    assert image.mode == "RGB" and image.info == {}
    return np.asarray(image)


def over(rgba, background):
    """Alpha over a color, by the formula of the docstring."""
    alpha = rgba[..., 3:].astype(int)
    return np.floor((rgba[..., :3] * alpha + (255 - alpha) * np.array(background)) / 255 + 0.5).astype(np.uint8)


def plain(raw):
    """What Pillow itself makes of a file without orientation and alpha."""
    return np.asarray(Image.open(io.BytesIO(raw)).convert("RGB"))


# What pixels become


@pytest.mark.parametrize(
    "name", ["progressive", "jpeg-gray", "jpeg-cmyk", "bmp", "gif", "ppm", "pbm", "webp", "jp2", "j2k"]
)
def test_files_without_alpha_have_the_pixels_that_pillow_reads(name):
    if name not in FILES:
        pytest.skip("Pillow was built without it")
    assert np.array_equal(pixels(FILES[name]), plain(FILES[name]))


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_orientation_is_applied_as_pillow_applies_it(form, orientation):
    if form in ("WEBP", "AVIF") and not features.check(form.lower()):
        pytest.skip("Pillow was built without it")
    exif = Image.Exif()
    exif[0x0112] = orientation
    raw = saved(Image.fromarray(colors(8, 12)), form, exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(raw))).convert("RGB")
    assert np.array_equal(pixels(raw), np.asarray(expected))
    assert np.array_equal(pixels(Image.open(io.BytesIO(raw))), np.asarray(expected))
    assert pixels(raw).shape[:2] == ((12, 8) if 5 <= orientation <= 8 else (8, 12))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # from Pillow as it saves
def test_orientation_that_cannot_be_read_turns_nothing():
    rgb = Image.fromarray(colors())
    for exif in (
        b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03", b"nonsense"):
        for form in ("PNG", "JPEG"):
            raw = saved(rgb, form, exif=exif)
            assert np.array_equal(pixels(raw), plain(raw))


@pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0), (10, 128, 240)])
def test_alpha_is_laid_over_the_background(background):
    rgba = colors(channels=4)
    rgba[0, :3, 3] = 0, 255, 128
    expected = over(rgba, background)
    image = Image.fromarray(rgba)
    for data in (rgba, image, saved(image, "PNG"), saved(image, "TIFF")):
        assert np.array_equal(pixels(data, background=background), expected)
    gray = image.convert("LA")
    assert np.array_equal(
        pixels(saved(gray, "PNG"), background=background), over(np.asarray(gray.convert("RGBA")), background)
    )


def test_palettes_are_their_colors_with_their_transparency():
    image = Image.fromarray(colors()).quantize(6)
    expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(pixels(image), expected) and np.array_equal(pixels(saved(image, "PNG")), expected)
    numbers = np.asarray(image)
    behind = np.where((numbers == 2)[..., None], np.uint8([1, 2, 3]), expected)
    for form in ("PNG", "GIF"):
        assert np.array_equal(pixels(saved(image, form, transparency=2), background=(1, 2, 3)), behind)
    alphas = bytes([255, 0, 128, 255, 7, 255])
    rgba = np.dstack([expected, np.frombuffer(alphas, np.uint8)[numbers]])
    assert np.array_equal(pixels(saved(image, "PNG", transparency=alphas), background=(1, 2, 3)), over(rgba, (1, 2, 3)))


def test_an_image_that_was_given_is_not_changed():
    image = Image.fromarray(colors()).quantize(6)
    image.info["transparency"] = 2
    before = (image.mode, image.im.getpalettemode() if hasattr(image.im, "getpalettemode") else None, dict(image.info))
    decode(image)
    assert before[0] == image.mode and before[2] == image.info
    plain_image = Image.fromarray(colors())
    plain_image.info["note"] = "kept"
    assert decode(plain_image) is not plain_image and plain_image.info == {"note": "kept"}


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_the_transparent_gray_of_a_png_is_found_at_every_depth(bits):
    values = np.array([0, 1, 2, 3]) % (1 << bits)
    number = sum(int(value) << bits * (3 - k) for k, value in enumerate(values))
    row = (number << -4 * bits % 8).to_bytes(-(-4 * bits // 8), "big")
    found = pixels(png(4, 1, bits, 0, b"\0" + row, (b"tRNS", b"\0\1")), background=(9, 8, 7))[0]
    most = (1 << bits) - 1
    for k, value in enumerate(values):
        gray = round(int(value) * 255 / most)
        assert found[k].tolist() == ([9, 8, 7] if value == 1 else [gray] * 3)


def test_the_transparent_color_of_a_png():
    row = b"\0" + bytes([1, 2, 3, 1, 2, 4])
    assert pixels(png(2, 1, 8, 2, row, (b"tRNS", bytes([0, 1, 0, 2, 0, 3]))), background=(9, 9, 9)).tolist() == [
        [[9] * 3, [1, 2, 4]]
    ]


def test_16_bits_of_gray_are_scaled_and_rounded():
    values = np.concatenate([np.arange(0, 65536, 13), [128, 129, 65406, 65407, 65535]])
    expected = np.array([round(int(value) * 255 / 65535) for value in values])
    deep = values[None].astype(np.uint16)
    big = tiff(len(values), 1, 16, 1, deep.astype(">u2").tobytes(), ">")
    turned = tiff(len(values), 1, 16, 0, deep.astype("<u2").tobytes())
    pgm = b"P5 %d 1 65535\n" % len(values) + deep.astype(">u2").tobytes()
    for raw in (saved(Image.fromarray(deep), "PNG"), saved(Image.fromarray(deep), "TIFF"), big, pgm):
        assert np.array_equal(pixels(raw)[0, :, 0], expected)
    assert np.array_equal(pixels(Image.fromarray(deep.astype(np.int32)))[0, :, 1], expected)
    assert np.array_equal(pixels(turned)[0, :, 2], 255 - expected)


def test_12_bits_of_gray_are_scaled_by_their_own_range():
    assert pixels(tiff(2, 1, 12, 1, bytes([0xFF, 0xF8, 0x00])))[0, :, 0].tolist() == [255, round(0x800 * 255 / 4095)]


@pytest.mark.parametrize("values", [[0, 65536], [-1, 5]])
def test_whole_numbers_past_16_bits_are_refused(values, message_of):
    raw = saved(Image.fromarray(np.array([values], np.int32)), "TIFF")
    assert message_of(decode, raw) == f"has gray values from {values[0]} to {values[1]}; only 0 to 65535 are read"


def test_16_bits_of_color_keep_the_higher_byte():
    row = b"\0" + struct.pack(">6H", 0, 255, 256, 511, 65535, 0x1234)
    assert pixels(png(2, 1, 16, 2, row)).tolist() == [[[0, 0, 1], [1, 255, 0x12]]]


def test_moving_images_give_their_first_frame():
    for name in ("gif-moving", "apng", "webp-moving", "tiff-pages", "mpo"):
        if name in FILES:
            with Image.open(io.BytesIO(FILES[name])) as moving:
                assert moving.n_frames == 3
                assert np.array_equal(pixels(FILES[name]), np.asarray(moving.convert("RGB")))


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3)])
def test_arrays_are_their_pixels(shape):
    array = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    expected = np.broadcast_to(array.reshape(5, 7, -1), (5, 7, 3))
    assert np.array_equal(pixels(array), expected)
    assert np.array_equal(pixels(np.repeat(array, 2, axis=1)[:, ::2]), expected)  # rows that are not side by side


# What is refused


BAD_ARRAYS = [np.zeros((2, 2)), np.zeros((2, 2, 2), np.uint8), np.zeros((3, 2, 2, 3), np.uint8), np.zeros(3, np.uint8)]


@pytest.mark.parametrize("array", BAD_ARRAYS)
def test_arrays_of_other_kinds_are_refused(array, message_of):
    got = f"got shape {array.shape}, dtype {array.dtype}"
    assert message_of(decode, array) == f"must be uint8 of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4); {got}"


def test_images_without_pixels_are_refused(message_of):
    assert message_of(decode, b"") == "is empty (0 bytes)"
    assert message_of(decode, np.zeros((0, 4, 3), np.uint8)) == "has no pixels: shape (0, 4, 3)"
    assert message_of(decode, Image.new("RGB", (0, 5))) == "has no pixels: size (0, 5)"
    assert message_of(decode, png(0, 1, 8, 2, b"\0")).startswith("is no sound PNG image (")


@pytest.mark.parametrize("data", ["a.png", None, 3, [[1]], bytearray(b"x")])
def test_what_is_no_image_is_refused(data, message_of):
    kind = type(data).__name__
    assert message_of(decode, data) == f"must be bytes of a file, an array or a Pillow image; got {kind}"


@pytest.mark.parametrize("background", [None, "white", (1, 2), (1, 2, 256), (1.0, 2, 3), [1, 2, 3]])
def test_a_background_that_is_no_color_is_refused(background, message_of):
    message = message_of(decode, FILES["png"], background)
    assert message == f"background must be three whole numbers from 0 to 255; got {background!r}"


OTHERS = ["EPS", "PCX", "TGA", "ICO", "PDF", "SGI", "DDS", "XBM"]


@pytest.mark.parametrize("form", OTHERS)
def test_formats_that_are_not_listed_are_refused_even_where_pillow_reads_them(form, message_of):
    raw = saved(Image.fromarray(colors()).convert("1" if form == "XBM" else "RGB"), form)
    listed = "JPEG, PNG, GIF, BMP, TIFF, WebP, PPM, AVIF, JPEG 2000"
    assert message_of(decode, raw) == f"is no image in a format that is read ({listed})"
    if form not in ("PDF", "EPS"):
        assert message_of(decode, Image.open(io.BytesIO(raw))) == f"is {form}, which is not read"


def test_floating_point_and_cielab_are_refused(message_of):
    floats = saved(Image.fromarray(np.ones((2, 2), np.float32)), "TIFF")
    assert message_of(decode, floats) == "has pixels in floating point, which are not read"
    assert message_of(decode, Image.new("LAB", (2, 2))) == "has pixels in CIELAB, which are not read"


def test_a_transparent_color_of_16_bits_is_refused(message_of):
    raw = png(1, 1, 16, 2, bytes(7), (b"tRNS", bytes(6)))
    assert message_of(decode, raw) == "is PNG with one transparent color of 16 bits, which is not read"


@pytest.mark.parametrize("name", sorted(FILES.keys() - {"plain"}))  # a text, whose last number would be another
def test_a_file_cut_anywhere_is_refused_or_whole(name, capfd):
    raw = FILES[name]
    whole = pixels(raw)
    for length in range(len(raw)):
        try:
            found = pixels(raw[:length])
        except InputError as error:
            assert len(str(error).splitlines()) == 1
        else:
            assert np.array_equal(found, whole)
    told = capfd.readouterr()
    assert told.out == "" and (name.startswith("tiff-") or told.err == "")  # libtiff itself prints there


@pytest.mark.parametrize("name", ["jpeg", "png", "gif", "bmp", "tiff", "ppm", "webp", "avif", "jp2"])
def test_a_file_that_lacks_its_second_half_is_called_truncated(name, message_of):
    if name not in FILES:
        pytest.skip("Pillow was built without it")
    raw = FILES[name]
    # Pillow puts the tags of a TIFF before its pixels
    assert message_of(decode, raw[: 3 * len(raw) // 4]) in (
        "is truncated", "is no sound JPEG 2000 image (broken data stream when reading image file)")


def bombs():
    """Small files whose headers ask for much."""
    wide = struct.pack("<HH", 60000, 60000)
    gif = b"GIF89a" + wide + b"\x80\0\0" + bytes(6) + b"," + bytes(4) + wide + b"\0\2\2D\1\0;"
    frame = b"GIF89a\1\0\1\0\x80\0\0" + bytes(6) + b"," + bytes(4) + wide + b"\0\2\2D\1\0;"
    vp8x = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16382).to_bytes(3, "little") * 2
    vp8l = b"VP8L" + struct.pack("<I", 6) + b"/" + struct.pack("<I", 16382 | 16382 << 14) + b"\0"
    vp8 = b"VP8 " + struct.pack("<I", 10) + b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", 16383, 16383)
    found = {
        "png": png(60000, 60000, 8, 2, bytes(1000)),
        "png-1": png(60000, 60000, 1, 0, bytes(1000)),
        "gif": gif, "gif-frame": frame,
        "tiff": tiff(60000, 60000, 8, 1, b"x"),
        "tiff-tile": tiff(8, 8, 8, 1, bytes(64), tag_322=60000, tag_323=60000, tag_324=8, tag_325=64),
        "bmp": b"BM" + struct.pack("<IHHIIiiHH", 58, 0, 0, 54, 40, 60000, 60000, 1, 24) + bytes(28),
        "ppm": b"P6 60000 60000 255\n1234", "plain": b"P3 60000 60000 255\n1 2 3",
        "jpeg": FILES["progressive"].replace(struct.pack(">HH", 19, 23), struct.pack(">HH", 60000, 60000)),
    }
    if features.check("webp"):
        found |= {f"webp-{body[:4].decode().strip()}": b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
                  for body in (vp8x, vp8l, vp8)}
    if features.check("jpg_2000"):
        size = struct.pack(">IIII", 23, 19, 0, 0)
        for name in ("jp2", "j2k"):
            found[name] = FILES[name].replace(size, struct.pack(">IIII", 60000, 60000, 0, 0), 1)
    return found


LIMITED = """
import resource, sys
from pyalign.errors import InputError
from pyalign.extraction.decode import decode
for name in ("Jpeg", "Png", "Gif", "Bmp", "Tiff", "WebP", "Ppm", "Jpeg2K"):
    __import__(f"PIL.{name}ImagePlugin")
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + (16 << 20),) * 2)
for path in sys.argv[1:]:
    try:
        decode(open(path, "rb").read())
    except InputError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space are those of Linux")
def test_headers_that_ask_for_too_many_pixels_are_refused_before_memory_is_taken(tmp_path):
    names = sorted(bombs())
    for name in names:
        (tmp_path / name).write_bytes(bombs()[name])
    command = [sys.executable, "-c", LIMITED, *(str(tmp_path / name) for name in names)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    lines = dict(zip(names, done.stdout.splitlines(), strict=True))
    assert lines.pop("gif-frame").startswith("has too many pixels (")
    assert {name: line for name, line in lines.items() if not line.endswith(LIMIT)} == {}
    assert lines["png"] == "has 60,000 x 60,000 pixels, more than 89,478,485"


def test_the_limit_of_pixels_is_exact(message_of, monkeypatch):
    monkeypatch.setattr(spelling, "MOST_PIXELS", 19 * 23)
    for name in sorted(FILES.keys() - {"plain"}):
        decode(FILES[name])
    monkeypatch.setattr(spelling, "MOST_PIXELS", 19 * 23 - 1)
    for name in sorted(FILES.keys() - {"plain"}):
        assert message_of(decode, FILES[name]).endswith("more than 436")
    assert message_of(decode, Image.new("RGB", (23, 19))).startswith("has 23 x 19 pixels")


# Pillow and its surroundings


def test_no_state_of_pillow_or_of_warnings_is_changed():
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    with pytest.raises(InputError):
        decode(FILES["jpeg"][:-100])
    decode(FILES["png"])
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES) == before == (89_478_485, False)
    with pytest.warns(UserWarning, match="still heard"):
        warnings.warn("still heard", stacklevel=1)


def test_warnings_of_pillow_are_not_shown_even_where_they_are_errors():
    rgb = Image.fromarray(colors())
    raw = saved(rgb, "PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03")
    with pytest.warns(UserWarning, match="Corrupt EXIF"):
        Image.open(io.BytesIO(raw)).getexif()
    for action in ("always", "error"):
        with warnings.catch_warnings(record=True) as caught:
            decode(raw)
            warnings.simplefilter(action)  # in front of what decode has put there
            assert np.array_equal(pixels(raw), colors())
        assert caught == []


def test_quiet_is_for_its_own_thread_alone(caplog):
    def warn(words):
        warnings.warn(words, stacklevel=1)
        logging.getLogger("PIL.TiffImagePlugin").error(words)

    with ThreadPoolExecutor(1) as other, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with quiet():
            warn("not heard")
            other.submit(warn, "heard").result()
        warn("heard again")
    assert [str(one.message) for one in caught] == ["heard", "heard again"] == caplog.messages


def test_threads_decode_the_same_pixels():
    shared = Image.open(io.BytesIO(FILES["jpeg"]))
    jobs = [*FILES.values(), *[shared] * 20] * 5
    expected = {id(job): hashlib.sha256(pixels(job).tobytes()).hexdigest() for job in FILES.values()}
    expected[id(shared)] = expected[id(FILES["jpeg"])]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda job: hashlib.sha256(pixels(job).tobytes()).hexdigest(), jobs))
    assert found == [expected[id(job)] for job in jobs]


def test_without_pillow_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(MissingExtraError, match=r"^reading images needs Pillow, .*: pip install .*\b[Pp]illow\b"):
        decode(FILES["png"])


def test_memory_that_runs_out_is_no_fault_of_the_image(monkeypatch):
    from PIL.PngImagePlugin import PngImageFile

    for error in (MemoryError(), OSError("out of memory when reading image file")):
        monkeypatch.setattr(PngImageFile, "load", lambda self, error=error: (_ for _ in ()).throw(error))
        with pytest.raises(MemoryError):
            decode(FILES["png"])


def test_a_format_that_pillow_was_built_without_is_named(monkeypatch, message_of):
    monkeypatch.setattr(features, "check", lambda feature: False)
    assert message_of(decode, FILES["jpeg"]) == "is JPEG, which the installed Pillow does not read"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space are those of Linux")
def test_damaged_images_are_decoded_or_refused_in_one_line():
    """For as long, and by the seed, that tests/fuzz goes by."""
    seconds, seed = os.environ.get("PYALIGN_FUZZ_SECONDS", "7"), os.environ.get("PYALIGN_FUZZ_SEED", "0")
    command = [sys.executable, str(Path(__file__).with_name("attempt.py")), seconds, seed]
    done = subprocess.run(command, capture_output=True, text=True, timeout=float(seconds) + 200)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout.split()[0]) > 100 * float(seconds)

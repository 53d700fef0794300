"""Tar archives are read as Python's tarfile reads them; damaged ones are refused in one line."""

from __future__ import annotations

import io
import os
import random
import tarfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from pyalign.errors import InputError
from pyalign.extraction.images import as_images
from pyalign.io.image_files import Archive

FORMS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
LONG = "f/" + "n" * 90 + "/" + "m" * 140 + ".png"
NAMES = ["b.jpg", "a.PNG", "d/c.webp", "./e.gif", "/root/f.jpg", "../g.jpg", "é/ü.jpg", "spaced name.jpg", LONG]


def packed(members, form="gnu", **options):
    """The bytes of an archive of (name, bytes) or of `TarInfo`."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=FORMS[form], **options) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                told = tarfile.TarInfo(member[0])
                told.size = len(member[1])
                archive.addfile(told, io.BytesIO(member[1]))
    return file.getvalue()


@pytest.fixture
def written(tmp_path):
    """``written(bytes)``: the path of an archive."""

    def write(raw):
        path = tmp_path / "x.tar"
        path.write_bytes(raw)
        return path

    return write


def named(form):
    """The names that a form can hold."""
    return [name for name in NAMES if form != "ustar" or name != LONG] + ["p" * 90 + "/" + "q" * 90 + ".jpg"]


def content(k):
    return bytes([k]) * (k * 400)


@pytest.mark.parametrize("form", FORMS)
def test_members_have_the_names_the_order_and_the_bytes_that_tarfile_finds(written, form):
    names = named(form)
    path = written(packed([(name, content(k)) for k, name in enumerate(names)], form))
    images = as_images(path)
    assert images.names == tuple(names) and images.order == "as in the archive" and images.notes == ()
    assert [images.open(k) for k in range(len(names))] == [content(k) for k in range(len(names))]
    with tarfile.open(path) as archive:
        assert [member.name for member in archive] == names
    assert [len(images.open(k)) for k in range(len(names))] == [k * 400 for k in range(len(names))]


def test_nothing_is_written_and_names_are_only_names(written, tmp_path):
    as_images(written(packed([("/etc/x.jpg", b"1"), ("../../y.jpg", b"2")]))).open(1)
    assert os.listdir(tmp_path) == ["x.tar"]


def special(name, kind, target="b.jpg"):
    told = tarfile.TarInfo(name)
    told.type, told.linkname = kind, target
    return told


def test_members_that_are_no_images_are_left_out_and_counted(written):
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
    others = [special(f"{k}.jpg", kind) for k, kind in enumerate(kinds)]
    hidden = [("__MACOSX/._b.jpg", b"x"), ("._b.jpg", b"x"), (".git/x.jpg", b"x")]
    plain = [("b.jpg", b"one"), ("b.json", b"{}"), ("b.cls", b"1"), special("folder.jpg", tarfile.DIRTYPE)]
    for form in FORMS:
        images = as_images(written(packed([*others, *hidden, *plain, ("c.jpg", b"two")], form)))
        assert images.names == ("b.jpg", "c.jpg") and [images.open(0), images.open(1)] == [b"one", b"two"]
        assert images.notes == (
            "4 members are no plain files: 0.jpg, 1.jpg, 2.jpg, ...", "2 members are no images: b.json, b.cls",
        )


def test_records_of_pax_are_read(written):
    told = tarfile.TarInfo("ignored.txt")
    told.size, told.pax_headers = 3, {"path": "é" * 150 + ".jpg", "SCHILY.xattr.user.a": "b=c\nd", "size": "3"}
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "for all"}) as archive:
        archive.addfile(told, io.BytesIO(b"abc"))
        archive.addfile(tarfile.TarInfo("z.jpg"))
    images = as_images(written(file.getvalue()))
    assert images.names == ("é" * 150 + ".jpg", "z.jpg") and images.open(0) == b"abc"


def test_links_have_no_bytes_whatever_size_they_tell(written):
    told = special("a.jpg", tarfile.SYMTYPE)
    told.size = 700
    path = written(packed([told, ("b.jpg", b"abc")]))
    assert as_images(path).names == ("b.jpg",)
    with tarfile.open(path) as archive:
        assert archive.getnames() == ["a.jpg", "b.jpg"]


def test_a_size_of_pax_goes_before_that_of_the_header(written):
    told = tarfile.TarInfo("b.jpg")
    told.size, told.pax_headers = 3, {"size": "3"}
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(told, io.BytesIO(b"abc"))
    raw = file.getvalue()
    header = raw[1024:1536]
    zero = summed(header[:124] + b"00000000000\0" + header[136:])
    assert as_images(written(raw[:1024] + zero + raw[1536:])).open(0) == b"abc"


def summed(header):
    """A header with its sum."""
    header = header[:148] + b" " * 8 + header[156:]
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


def test_numbers_of_gnu_tar_and_sums_of_signed_bytes_are_read(written):
    raw = packed([("b.jpg", b"abc")])
    large = raw[:124] + b"\x80" + bytes(10) + b"\3" + raw[136:512]
    assert as_images(written(summed(large) + raw[512:])).open(0) == b"abc"
    raw = packed([("é.jpg", b"abc")])
    signed = int(raw[148:154], 8) - 2 * 256
    assert as_images(written(raw[:148] + b"%06o\0 " % signed + raw[156:])).names == ("é.jpg",)


VALID = packed([("b.jpg", b"a" * 700), ("c.jpg", b"b")])
RECORD, LENGTH = packed([("é" * 99 + ".jpg", b"")], "pax"), 99 * 2 + len("210 path=.jpg\n")
RECORDS = "is damaged: records that are none at byte 0"
LONG_NAME = b"77777777777\0" + VALID[136:156] + b"L" + VALID[157:512]
BELOW_ZERO, HUGE = b"\xff" * 12, b"\x80" + b"\xff" * 11


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (VALID[:1000], "is truncated: member 'b.jpg' has 700 bytes, more than follow"),
        (VALID[:1700], "is truncated within a header"),
        (b"\x1f\x8b" + bytes(600), "is not a tar archive (it is packed: unpack it first)"),
        (b"x" * 2000, "is not a tar archive"),
        (VALID[:1536] + b"x" * 512 + VALID[2048:], "is damaged: no header at byte 1536"),
        (VALID + VALID, "goes on behind its end at byte 2560: archives one behind another are not read"),
        (packed([("a.txt", b"x")]), "holds no images (1 member is no image: a.txt)"),
        (bytes(10240), "holds no images"),
        (packed([("b.jpg", b"1"), ("b.jpg", b"2")]), "image names must differ; 'b.jpg' occurs more than once"),
        (packed([("a\nb.jpg", b"1")]), r"names must be text on one line; 'a\nb.jpg' holds a line break"),
        (packed([special("b.jpg", b"S")]), "member 'b.jpg' is sparse, which is not read"),
        (summed(VALID[:124] + BELOW_ZERO + VALID[136:512]), "is damaged: a header without a size at byte 0"),
        (summed(VALID[:124] + HUGE + VALID[136:512]), "is damaged: a header without a size at byte 0"),
        (summed(VALID[:124] + LONG_NAME), "has a header of 8589934591 bytes at byte 0"),
        (RECORD.replace(b"%d path=" % LENGTH, b"999 path="), RECORDS),
        (RECORD.replace(b"%d path=" % LENGTH, b"%d path " % LENGTH), RECORDS),
        (RECORD.replace(b"%d path=" % LENGTH, b"xyz path="), RECORDS),
        (RECORD.replace(b"%d path=" % LENGTH, b"000 path="), RECORDS),
        (RECORD.replace(b"%d path=" % LENGTH, b"%d size=" % LENGTH), "is damaged: a size that is none at byte 0"),
    ],
)
def test_archives_at_fault_are_refused(written, message_of, raw, said):
    path = written(raw)
    assert message_of(as_images, path) == f"{path}: {said}"


def test_an_archive_without_its_end_is_told(written):
    whole = as_images(written(VALID))
    cut = as_images(written(VALID[:2560]))
    assert cut.names == whole.names and cut.notes == ("the archive has no mark at its end, and may be cut short",)


def test_an_archive_that_changes_is_refused(written, message_of):
    path = written(VALID)
    images = as_images(path)
    path.write_bytes(VALID + bytes(512))
    assert message_of(images.open, 0) == f"{path}: has changed since its members were listed"


def test_threads_read_members_at_once(written):
    images = as_images(written(packed([(f"{k}.jpg", content(k % 200)) for k in range(300)])))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(images.open, [*range(300)] * 3)) == [content(k % 200) for k in range(300)] * 3


@pytest.mark.parametrize("form", FORMS)
def test_damaged_archives_are_read_or_refused_in_one_line(written, form):
    """Where tarfile reads as many members they are the same."""
    rng, raw = random.Random(0), packed([(name, content(k)) for k, name in enumerate(named(form))], form)
    for _ in range(600):
        damaged = bytearray(raw)
        for _ in range(rng.choice((1, 1, 3))):
            place = (
                rng.randrange(len(NAMES)) * 512 + rng.randrange(512) if rng.random() < 0.5 else rng.randrange(len(raw))
            )
            damaged[place] = rng.choice((0, 32, 48, 55, 127, 128, 255, rng.randrange(256)))
        if rng.random() < 0.5:  # so that what is damaged is also believed
            damaged[:512] = summed(bytes(damaged[:512]))
        archive = Archive(written(bytes(damaged)))
        try:
            for member in archive.members():
                assert member.place + member.size <= len(raw)
        except InputError as error:
            assert len(str(error).splitlines()) == 1 and str(error).isprintable()

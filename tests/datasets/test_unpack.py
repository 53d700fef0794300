"""Archives become folders, whole or not at all, whatever their members are called and however many there are."""

from __future__ import annotations

import gzip
import io
import tarfile
import warnings
import zipfile

import pytest
from archives import tarred, zipped

from pyalign.datasets.fetch import unpack


@pytest.mark.parametrize("name", ["../out.txt", "/tmp/out.txt", "a/../../out.txt", "C:\\out.txt"])
@pytest.mark.parametrize(("file", "pack"), [("data.zip", zipped), ("data.tar.gz", tarred)])
def test_members_that_lead_out_are_refused(tmp_path, name, file, pack, message_of):
    (tmp_path / file).write_bytes(pack({"fine.txt": b"", name: b"out"}))
    assert "points outside of its folder" in message_of(unpack, tmp_path / file)
    assert [path.name for path in tmp_path.iterdir()] == [file]


def test_links_are_left_out_and_damaged_archives_are_one_line(tmp_path, message_of):
    (tmp_path / "data.tar.gz").write_bytes(tarred({"a.txt": b"a"}, [("link", "/etc/passwd")]))
    assert [path.name for path in unpack(tmp_path / "data.tar.gz").iterdir()] == ["a.txt"]
    (tmp_path / "data.tar.gz").write_bytes(tarred({"a.txt": b"a" * 1000})[:60])
    assert "is not a sound archive file" in message_of(unpack, tmp_path / "data.tar.gz")
    (tmp_path / "data.zip").write_bytes(b"PK")
    assert "is not a sound archive file" in message_of(unpack, tmp_path / "data.zip")


def test_an_archive_that_becomes_far_too_large_is_refused(tmp_path, monkeypatch, message_of):
    monkeypatch.setattr("pyalign.io.paths.SMALL", 1 << 20)
    (tmp_path / "data.zip").write_bytes(zipped({"a": bytes(5 << 20)}))
    assert "more than 100 times as many" in message_of(unpack, tmp_path / "data.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["data.zip"]


def test_an_archive_of_very_many_empty_members_is_refused(tmp_path, message_of):
    (tmp_path / "data.zip").write_bytes(zipped({f"{k}": b"" for k in range(10_001)}))
    (tmp_path / "data.tar.gz").write_bytes(tarred({"a": b""}, [(f"{k}", "a") for k in range(10_000)]))
    for file in ("data.zip", "data.tar.gz"):
        told = message_of(unpack, tmp_path / file)
        assert told.endswith("has more than 10,000 members, the most for an archive of its size")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.tar.gz", "data.zip"]


def test_a_directory_of_a_zip_that_names_millions_of_members_is_not_read(tmp_path, message_of):
    end = b"PK\x05\x06" + bytes(4) + b"\xff" * 4 + (60_000 * 60).to_bytes(4, "little") + bytes(6)
    (tmp_path / "data.zip").write_bytes((b"PK\x01\x02" + bytes(56)) * 60_000 + end)
    assert "names too many members" in message_of(unpack, tmp_path / "data.zip")


def test_a_tar_whose_end_is_missing_is_not_taken_for_whole(tmp_path, message_of):
    whole = tarred({"a.txt": b"a" * 1000})
    for lost in (1, 8, 12):
        (tmp_path / "data.tar.gz").write_bytes(whole[:-lost])
        assert "is not a sound archive file" in message_of(unpack, tmp_path / "data.tar.gz")


def test_folders_in_folders_without_end_are_refused(tmp_path, message_of):
    (tmp_path / "data.zip").write_bytes(zipped({"a/" * 1500 + "x": b"x"}))
    assert "is more than 32 folders deep" in message_of(unpack, tmp_path / "data.zip")


@pytest.mark.parametrize("members", [["a", "a"], ["a", "a/b"], ["a/b", "a"], ["x" * 300]])
def test_members_that_are_in_the_way_of_each_other_are_the_archives_fault(tmp_path, members, message_of):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as held, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in members:
            held.writestr(name, b"x")
    (tmp_path / "data.zip").write_bytes(out.getvalue())
    assert message_of(unpack, tmp_path / "data.zip").startswith(f"{tmp_path / 'data.zip'}: has a member ")


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, b"?"])
def test_headers_of_a_tar_do_not_become_far_too_large(tmp_path, kind, monkeypatch, message_of):
    monkeypatch.setattr("pyalign.io.paths.SMALL", 1 << 20)
    out, block = io.BytesIO(), bytes(1 << 20)
    with gzip.open(out, "wb") as packed:
        told = tarfile.TarInfo("long")
        told.type, told.size = kind, 40 << 20
        packed.write(told.tobuf(tarfile.GNU_FORMAT))
        for _ in range(40):
            packed.write(block)
    (tmp_path / "data.tar.gz").write_bytes(out.getvalue())
    assert message_of(unpack, tmp_path / "data.tar.gz").startswith(f"{tmp_path / 'data.tar.gz'}: ")
    assert [path.name for path in tmp_path.iterdir()] == ["data.tar.gz"]

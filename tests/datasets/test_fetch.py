"""Downloads end with the whole file or with one line, whatever the server does, and go on where they stopped."""

from __future__ import annotations

import errno
import hashlib
import os
import socket

import numpy as np
import pytest
from archives import tarred, zipped
from file_server import BODY, SHA, asked, left_over, part_in, recorded

from pyalign.datasets import fetch_dataset, load_dataset
from pyalign.datasets.download import Resuming, is_address
from pyalign.datasets.fetch import checksum_file
from pyalign.datasets.places import remembered
from pyalign.datasets.registry import DATASETS, Row
from pyalign.errors import InputError

pytestmark = pytest.mark.usefixtures("impatient")


def test_a_file_is_fetched_once_and_its_checksum_is_recorded(row, server):
    folder = row()
    found = fetch_dataset("mine")
    assert (folder / "x.bin").read_bytes() == BODY and found.folder == str(folder)
    assert recorded(folder) == {"x.bin": SHA}
    assert [(one.sha256, one.is_new, one.checked) for one in found.files] == [(SHA, True, "published")]
    assert not fetch_dataset("mine").files[0].is_new
    assert len(server.requests) == 1 and left_over(folder) == []


def test_without_a_published_checksum_the_first_is_compared_later(row, server, message_of):
    folder = row(hash=None)
    assert "has no published checksum" in fetch_dataset("mine").notes[0]
    assert fetch_dataset("mine").files[0].checked == "first fetch"
    (folder / "x.bin").unlink()
    assert fetch_dataset("mine").files[0].is_new
    server.files["/x.bin"] = BODY[:-1] + b"?"
    (folder / "x.bin").unlink()
    told = message_of(fetch_dataset, "mine")
    assert told.startswith(f"{server.address}/x.bin: gives a file with another checksum than at its first fetch")
    assert told.endswith(f"; if that first file was the bad one, remove {folder / 'x.bin.sha256'} and fetch again")
    assert not (folder / "x.bin").exists() and left_over(folder) == []


def test_a_file_that_was_changed_here_is_fetched_again(row):
    folder = row()
    fetch_dataset("mine")
    (folder / "x.bin").write_bytes(BODY[:100])
    assert fetch_dataset("mine").files[0].is_new
    assert (folder / "x.bin").read_bytes() == BODY


def test_another_checksum_than_was_published_is_one_line_and_no_file(row, server, message_of):
    folder = row(hash="sha256:" + "0" * 64)
    told = message_of(fetch_dataset, "mine")
    assert "another checksum than was published" in told and SHA in told
    assert list(folder.iterdir()) == []


def test_md5_is_compared_too(row):
    folder = row(hash="md5:" + hashlib.md5(BODY).hexdigest())
    fetch_dataset("mine")
    assert recorded(folder) == {"x.bin": SHA}


@pytest.mark.parametrize("kind", ["cut", "stall"])
def test_a_connection_that_ends_in_the_middle_is_gone_on_with(row, server, kind):
    folder = row(hash=None)
    server.faults["/x.bin"] = [(kind, 300_000), (kind, 200_000)]
    fetch_dataset("mine")
    assert (folder / "x.bin").read_bytes() == BODY
    assert asked(server) == [None, "bytes=300000-", "bytes=500000-"]
    assert {tag for _, wanted, tag in server.requests if wanted} == {'"one"'}


def test_a_run_goes_on_where_another_was_stopped(row, server, message_of, monkeypatch):
    folder = row()
    monkeypatch.setattr("pyalign.datasets.download.ATTEMPTS", 1)
    server.faults["/x.bin"] = [("cut", 300_000), 503]
    told = message_of(fetch_dataset, "mine")
    assert "503 Service Unavailable; 300,000 bytes are kept, run it again to go on" in told
    assert part_in(folder).stat().st_size == 300_000 and not (folder / "x.bin").exists()
    fetch_dataset("mine")
    assert (folder / "x.bin").read_bytes() == BODY and asked(server)[-1] == "bytes=300000-"
    assert left_over(folder) == []


def test_a_file_that_has_changed_meanwhile_begins_anew(row, server, message_of, monkeypatch):
    folder = row(hash=None)
    monkeypatch.setattr("pyalign.datasets.download.ATTEMPTS", 1)
    server.faults["/x.bin"] = [("cut", 300_000), 503]
    message_of(fetch_dataset, "mine")
    other = BODY[::-1]
    server.files["/x.bin"], server.tags["/x.bin"] = other, '"two"'
    fetch_dataset("mine")
    assert (folder / "x.bin").read_bytes() == other


@pytest.mark.parametrize("tag", [None, 'W/"weak"'])
def test_what_cannot_be_told_to_be_the_same_is_not_gone_on_with_but_for_a_checksum(row, server, tag):
    folder = row(hash=None)
    server.tags["/x.bin"] = tag
    server.faults["/x.bin"] = [("cut", 300_000)]
    fetch_dataset("mine")
    assert asked(server) == [None, None]
    (folder / "x.bin").unlink()
    server.faults["/x.bin"] = [("cut", 300_000)]
    fetch_dataset("mine")  # its checksum is known by now
    assert asked(server)[2:] == [None, "bytes=300000-"]
    assert (folder / "x.bin").read_bytes() == BODY


def test_a_server_that_knows_no_ranges_gives_all_again(row, server):
    folder = row()
    server.ranges = False
    server.faults["/x.bin"] = [("cut", 300_000), ("cut", 300_000), ("cut", 400_000)]
    fetch_dataset("mine")
    assert (folder / "x.bin").read_bytes() == BODY


def test_a_server_that_gives_another_range_is_asked_for_all(row, server):
    folder = row()
    server.shift = 1
    server.faults["/x.bin"] = [("cut", 300_000)]
    fetch_dataset("mine")
    assert (folder / "x.bin").read_bytes() == BODY and asked(server) == [None, "bytes=300000-", None]


def test_a_part_that_is_whole_already_is_taken(row, server):
    folder = row()
    folder.mkdir(parents=True)
    (folder / "x.bin.part").write_bytes(BODY)
    fetch_dataset("mine")
    assert (folder / "x.bin").read_bytes() == BODY and asked(server) == [f"bytes={len(BODY)}-"]


def test_a_part_that_is_longer_than_the_file_is_thrown_away(row, server):
    folder = row()
    folder.mkdir(parents=True)
    (folder / "x.bin.part").write_bytes(BODY + b"more")
    fetch_dataset("mine")
    assert (folder / "x.bin").read_bytes() == BODY and asked(server)[-1] is None


def test_what_passes_is_waited_for_and_what_does_not_is_said_at_once(row, server, message_of):
    folder = row()
    server.faults["/x.bin"] = [500, 503, 429]
    fetch_dataset("mine")
    assert len(server.requests) == 4
    (folder / "x.bin").unlink()
    for status, told in ((404, "404 Not Found"), (403, "403 Forbidden"), (410, "410 Gone")):
        server.requests.clear()
        server.faults["/x.bin"] = [status]
        assert message_of(fetch_dataset, "mine") == f"{server.address}/x.bin: {told}"
        assert len(server.requests) == 1
    assert left_over(folder) == []


def test_a_server_that_always_fails_is_given_up(row, server, message_of):
    row()
    server.faults["/x.bin"] = [500] * 100
    told = message_of(fetch_dataset, "mine")
    assert told.endswith("6 attempts in a row brought nothing: 500 Internal Server Error")
    assert len(server.requests) == 6
    server.faults["/x.bin"] = [("stall", 0)] * 100
    assert message_of(fetch_dataset, "mine").endswith("brought nothing: nothing came for 0.4 s")


def test_nobody_there_is_one_line(row, server, message_of, monkeypatch):
    row()
    gone = DATASETS["mine"].files[0]._replace(url="http://127.0.0.1:9/x.bin")
    monkeypatch.setitem(DATASETS, "mine", Row(**{**vars(DATASETS["mine"]), "files": (gone,)}))
    assert "refused" in message_of(fetch_dataset, "mine").lower()


UNREACHED = {
    "no resolver": socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
    "no such host": socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    "no route": OSError(errno.ENETUNREACH, "Network is unreachable"),
}


@pytest.fixture
def offline(monkeypatch):
    """``offline(error)``: from now on every connection fails so; the list of hosts that were tried."""

    def fail(error):
        tried = []

        def connect(address, *args, **options):
            tried.append(address[0])
            raise error

        monkeypatch.setattr(socket, "create_connection", connect)
        return tried

    return fail


@pytest.mark.parametrize("name", UNREACHED)
def test_without_a_network_it_ends_at_once_and_says_how_to_bring_the_file(row, server, message_of, offline, name):
    folder = row()
    tried = offline(UNREACHED[name])
    told = message_of(fetch_dataset, "mine")
    reason = UNREACHED[name].strerror
    assert told == (
        f"{server.address}/x.bin: there seems to be no network: 127.0.0.1 cannot be reached ({reason}); "
        f"with the file from elsewhere, save it as {folder / 'x.bin'} and fetch again"
    )
    assert len(tried) == 1 and list(folder.iterdir()) == []
    (folder / "x.bin").write_bytes(BODY)
    assert fetch_dataset("mine").files[0].sha256 == SHA
    assert len(tried) == 1


def test_an_archive_that_was_brought_by_hand_is_unpacked_without_a_network(row, message_of, offline):
    archive = zipped({"a.txt": b"a"})
    folder = row(None, "data.zip", archive, unpack=True)
    offline(UNREACHED["no resolver"])
    assert f"save it as {folder / 'data.zip'} and fetch again" in message_of(fetch_dataset, "mine")
    (folder / "data.zip").write_bytes(archive)
    fetch_dataset("mine")
    assert (folder / "data/a.txt").read_bytes() == b"a"


def test_a_network_that_goes_in_the_middle_is_waited_for(row, server, monkeypatch):
    folder, connect, calls = row(), socket.create_connection, []

    def sometimes(address, *args, **options):
        calls.append(address)
        if len(calls) == 2:
            raise UNREACHED["no resolver"]
        return connect(address, *args, **options)

    monkeypatch.setattr(socket, "create_connection", sometimes)
    server.faults["/x.bin"] = [("cut", 300_000)]
    fetch_dataset("mine")
    assert (folder / "x.bin").read_bytes() == BODY and len(calls) == 3


def test_a_host_to_which_the_server_sends_is_tried_again(row, server, message_of, monkeypatch):
    row()
    server.redirects["/x.bin"] = "http://elsewhere.invalid/x.bin"
    connect, calls = socket.create_connection, []

    def elsewhere_is_unknown(address, *args, **options):
        if address[0] == "127.0.0.1":
            return connect(address, *args, **options)
        calls.append(address)
        raise UNREACHED["no such host"]

    monkeypatch.setattr(socket, "create_connection", elsewhere_is_unknown)
    told = message_of(fetch_dataset, "mine")
    assert "6 attempts in a row brought nothing" in told and "Name or service not known" in told
    assert len(calls) == 6


@pytest.mark.parametrize("error", [TimeoutError("timed out"), ConnectionRefusedError(errno.ECONNREFUSED, "refused")])
def test_a_server_that_does_not_answer_is_tried_again(row, message_of, offline, error):
    row()
    tried = offline(error)
    assert "6 attempts in a row brought nothing" in message_of(fetch_dataset, "mine")
    assert len(tried) == 6


def test_a_page_in_place_of_a_file_is_refused(row, server, message_of):
    folder = row(hash=None)
    server.type = "text/html; charset=utf-8"
    assert "gives a page, not a file" in message_of(fetch_dataset, "mine")
    assert left_over(folder) == []


def test_a_server_that_tells_no_length_is_believed_but_for_the_checksum(row, server, message_of):
    folder = row()
    server.lengths = False
    fetch_dataset("mine")
    assert (folder / "x.bin").read_bytes() == BODY
    (folder / "x.bin").unlink()
    server.faults["/x.bin"] = [("cut", 300_000)]
    assert "another checksum" in message_of(fetch_dataset, "mine")


def test_a_mirror_has_a_folder_for_each_data_set(row, server, message_of):
    folder = row()
    server.files["/copy/mine/x.bin"] = BODY
    fetch_dataset("mine", mirror=f"{server.address}/copy/")
    assert server.requests[0][0] == "/copy/mine/x.bin" and (folder / "x.bin").exists()
    assert message_of(fetch_dataset, "mine", mirror="file:///etc").startswith("mirror must be an address")


def test_a_folder_of_ones_own_is_remembered(row, tmp_path):
    row()
    found = fetch_dataset("mine", tmp_path / "here")
    assert found.folder == str(tmp_path / "here") and remembered() == {"mine": str(tmp_path / "here")}
    assert load_dataset("mine").folder == tmp_path / "here"


def test_progress_goes_up_to_the_end(row, server):
    row()
    server.faults["/x.bin"] = [("cut", 300_000)]
    told = []
    fetch_dataset("mine", progress=lambda stage, done, total: told.append((stage, done, total)))
    assert {(stage, total) for stage, _, total in told} == {("x.bin, bytes", len(BODY))}
    counts = [done for _, done, _ in told]
    assert counts == sorted(counts) and counts[-1] == len(BODY)


def test_progress_is_told_while_a_server_keeps_it_waiting(row, server):
    row()
    server.faults["/x.bin"] = [503, 503, 503]
    told = []
    fetch_dataset("mine", progress=lambda *at: told.append(at))
    assert told[:3] == [("x.bin, bytes", 0, None)] * 3


def test_a_file_in_a_folder_that_nobody_may_write_to_is_taken_as_it_is(row, server):
    folder = row()
    fetch_dataset("mine")
    before = {path: path.stat().st_mtime_ns for path in (folder, *folder.iterdir())}
    assert not fetch_dataset("mine").files[0].is_new
    assert {path: path.stat().st_mtime_ns for path in (folder, *folder.iterdir())} == before


def test_a_part_that_goes_while_it_is_fetched_is_an_error_of_the_system(row, server):
    folder = row()
    folder.mkdir(parents=True)
    (folder / "x.bin.part").write_bytes(BODY[:300_000])

    def remove(stage, done, total):
        for part in folder.glob("*.part"):
            part.unlink()

    with pytest.raises(FileNotFoundError):
        fetch_dataset("mine", progress=remove)
    assert left_over(folder) == []


def test_a_link_in_place_of_a_part_is_not_followed(row, server, message_of, tmp_path):
    folder = row()
    folder.mkdir(parents=True)
    (tmp_path / "victim").write_text("precious")
    (folder / "x.bin.part").symlink_to(tmp_path / "victim")
    assert "is a link, which is not followed" in message_of(fetch_dataset, "mine")
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.parametrize("name", ["x.bin.sha256", "x.bin.part.json"])
def test_what_a_fetch_keeps_is_not_written_through_a_link(row, server, message_of, tmp_path, name):
    folder = row(hash=None)
    folder.mkdir(parents=True)
    (tmp_path / "victim").write_text("{}")
    (folder / "x.bin.part").write_bytes(b"begun")
    (folder / name).symlink_to(tmp_path / "victim")
    if name == "x.bin.sha256":
        assert message_of(fetch_dataset, "mine") == f"{folder / name}: is a link, which is not followed"
        (folder / name).unlink()
    fetch_dataset("mine")
    assert (tmp_path / "victim").read_text() == "{}" and (folder / "x.bin").read_bytes() == BODY
    assert recorded(folder) == {"x.bin": SHA}


def test_ctrl_c_keeps_what_has_come(row, server, monkeypatch):
    folder = row()

    def stop(stage, done, total):
        if done >= 400_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="what has come is kept"):
        fetch_dataset("mine", progress=stop)
    assert part_in(folder).stat().st_size >= 400_000
    fetch_dataset("mine")
    assert (folder / "x.bin").read_bytes() == BODY


def test_what_has_no_address_says_where_to_get_it(root, message_of):
    told = message_of(fetch_dataset, "vice42")
    assert told.startswith("dataset:vice42: has no address that is known; get it from https://")
    assert "did you mean 'things'" in message_of(fetch_dataset, "thing")


@pytest.mark.parametrize("content", ["", "[]", "0" * 64 + "0", "\xff" * 70])
def test_a_damaged_checksum_is_one_line_with_its_remedy(row, message_of, content):
    folder = row()
    folder.mkdir(parents=True)
    (folder / "x.bin.sha256").write_text(content, encoding="latin-1")
    told = message_of(fetch_dataset, "mine")
    assert told == f"{folder / 'x.bin.sha256'}: must hold a SHA-256 and the name of the file; remove it to fetch again"


# Archives


@pytest.mark.parametrize(("file", "pack"), [("data.zip", zipped), ("data.tar.gz", tarred)])
def test_an_archive_becomes_a_folder_once(row, server, file, pack):
    folder = row(None, file, pack({"a/b.txt": b"b", "c.txt": b"c"}), unpack=True)
    found = fetch_dataset("mine")
    assert (folder / "data/a/b.txt").read_text() == "b" and found.files[0].file == "data"
    assert sorted(path.name for path in folder.iterdir()) == ["data", f"{file}.sha256"]
    assert not fetch_dataset("mine").files[0].is_new and len(server.requests) == 1
    assert load_dataset("mine", folder).parts == {"names": ()}


@pytest.mark.parametrize(("file", "pack"), [("data.zip", zipped), ("data.tar.gz", tarred)])
def test_an_archive_that_does_not_unpack_is_fetched_anew_once_it_is_sound(row, server, file, pack, message_of):
    whole = pack({"a.txt": b"a" * 1000})
    folder = row(None, file, whole[:90], unpack=True)
    told = message_of(fetch_dataset, "mine")
    assert told.startswith(f"{folder / file}: is not a sound archive file")
    assert told.endswith("; it was removed: run it again to fetch another")
    assert list(folder.iterdir()) == []
    server.files[f"/{file}"] = whole
    assert fetch_dataset("mine").files[0].checked == "nothing"
    assert (folder / "data/a.txt").read_bytes() == b"a" * 1000
    assert recorded(folder) == {file: hashlib.sha256(whole).hexdigest()}


def test_a_checksum_that_was_recorded_of_a_bad_archive_is_dropped_with_it(row, server, message_of):
    whole = zipped({"a.txt": b"a"})
    folder = row(None, "data.zip", whole, unpack=True)
    folder.mkdir(parents=True)
    (folder / "data.zip").write_bytes(b"PK")
    for name, digest in (("data.zip", hashlib.sha256(b"PK").hexdigest()), ("other.bin", SHA)):
        checksum_file(folder / name).write_text(f"{digest}  {name}\n")
    assert "it was removed" in message_of(fetch_dataset, "mine")
    fetch_dataset("mine")
    assert recorded(folder) == {"data.zip": hashlib.sha256(whole).hexdigest(), "other.bin": SHA}


def test_an_archive_as_it_was_published_is_kept_where_it_does_not_unpack(row, server, message_of):
    folder = row(f"sha256:{hashlib.sha256(b'PK').hexdigest()}", "data.zip", b"PK", unpack=True)
    assert message_of(fetch_dataset, "mine").endswith("is not a sound archive file (File is not a zip file)")
    assert [path.name for path in folder.iterdir()] == ["data.zip"]


# The downloader by itself


def fetch_part(folder, url, has_hash):
    part = Resuming(folder / "x.part")
    with part.claimed():
        part.fetch(url, has_hash)
        os.replace(part.path, folder / "out")


def test_addresses_of_the_web_alone():
    assert is_address("http://a") and is_address("HTTPS://a")
    assert not is_address("ftp://a") and not is_address("file:///a")
    for row in DATASETS.values():
        assert all(remote.url.startswith("https://") for remote in row.files)


@pytest.mark.parametrize("address", ["ftp://127.0.0.1:9/x", "file:///etc/hostname", "data:,x", "gopher://x"])
def test_a_server_that_leads_away_from_the_web_is_refused_at_once(row, server, address, message_of):
    folder = row(hash=None)
    server.redirects["/x.bin"] = address
    assert message_of(fetch_dataset, "mine") == (
        f"{server.address}/x.bin: leads to {address}, and addresses must start with https:// or http://"
    )
    assert len(server.requests) == 1 and list(folder.iterdir()) == []
    server.redirects["/x.bin"], server.files["/there"] = f"{server.address}/there", BODY
    fetch_dataset("mine")
    assert (folder / "x.bin").read_bytes() == BODY


@pytest.mark.parametrize("mirror", ["ftp://127.0.0.1/x", "file:///etc", "/etc", "httpx://a", ""])
def test_a_mirror_must_be_of_the_web(row, mirror, message_of):
    row()
    assert message_of(fetch_dataset, "mine", mirror=mirror).startswith("mirror must be an address")


@pytest.mark.parametrize("seed", range(8))
def test_any_series_of_faults_ends_with_the_whole_file(server, tmp_path, seed):
    rng = np.random.default_rng(seed)
    server.files["/x"] = BODY
    server.ranges = seed % 3 > 0
    kinds = [500, 503, ("cut", int(rng.integers(1, 300_000))), ("cut", 0), None]
    server.faults["/x"] = [kinds[k] for k in rng.integers(0, 4, 5)]
    fetch_part(tmp_path, f"{server.address}/x", True)
    assert (tmp_path / "out").read_bytes() == BODY
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_full_disk_is_the_systems_error_and_no_attempt_more(server, tmp_path, monkeypatch):
    server.files["/x"] = BODY
    real = open

    def full(path, *args, **options):
        handle = real(path, *args, **options)
        if str(path).endswith(".part") and args == ("r+b",):
            monkeypatch.setattr(
                "pyalign.datasets.download._read",
                lambda response: (_ for _ in ()).throw(OSError(28, "No space left on device")),
            )
        return handle

    monkeypatch.setattr("builtins.open", full)
    with pytest.raises(OSError, match="No space left"):
        fetch_part(tmp_path, f"{server.address}/x", True)
    assert len(server.requests) == 1


def test_errors_are_one_line_that_start_with_the_address(server, tmp_path):
    with pytest.raises(InputError, match=f"^{server.address}/no: 404 Not Found$"):
        fetch_part(tmp_path, f"{server.address}/no", False)

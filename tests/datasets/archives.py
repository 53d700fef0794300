"""Archives of members by name, as bytes."""

from __future__ import annotations

import io
import tarfile
import zipfile


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as held:
        for name, content in members.items():
            held.writestr(name, content)
    return out.getvalue()


def tarred(members, links=()):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as held:
        for name, content in members.items():
            told = tarfile.TarInfo(name)
            told.size = len(content)
            held.addfile(told, io.BytesIO(content))
        for name, target in links:
            told = tarfile.TarInfo(name)
            told.type, told.linkname = tarfile.SYMTYPE, target
            held.addfile(told)
    return out.getvalue()

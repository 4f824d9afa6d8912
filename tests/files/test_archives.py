"""Archives and folders, file by file; the scripts that use them have their tests in tests/datasets."""

import io
import os
import tarfile
import zipfile

import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.files.archives import find_sources, is_whole_png, matching

FILES = {"x/a.txt": b"first", "x/deep/b.txt": bytes(70_000), "x/c.md": b"no"}


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


@pytest.fixture(params=["zip", "tar", "tar.gz", "folder"])
def source(request, tmp_path):
    """The same files in an archive of each kind, and in a folder."""
    path = tmp_path / (f"x.{request.param}" if request.param != "folder" else "x")
    if request.param == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in FILES.items():
                archive.writestr(name, content)
    elif request.param == "folder":
        for name, content in FILES.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    else:
        with tarfile.open(path, "w:gz" if request.param == "tar.gz" else "w") as archive:
            for name, content in FILES.items():
                add(archive, name, content)
    return path


def test_read(source):
    found = {relative: entry.read() for entry, relative in matching(source, r"^x/(.*\.txt)$")}
    assert found == {"a.txt": FILES["x/a.txt"], "deep/b.txt": FILES["x/deep/b.txt"]}


def test_place(source, tmp_path):
    root = tmp_path / "root"
    for again in (False, True):
        placed = [entry.place(root / relative) for entry, relative in matching(source, r"^x/(.*\.txt)$")]
        assert placed == [not again] * 2
    assert (root / "deep/b.txt").read_bytes() == FILES["x/deep/b.txt"]
    # On the same disk a file of a folder is linked.
    if source.is_dir():
        assert os.path.samefile(root / "a.txt", source / "a.txt")
    # A file of another size is replaced.
    (root / "a.txt").unlink()
    (root / "a.txt").write_bytes(b"half")
    (placed,) = [entry.place(root / relative) for entry, relative in matching(source, r"^x/(a\.txt)$")]
    assert placed and (root / "a.txt").read_bytes() == FILES["x/a.txt"]
    assert sorted(path.name for path in root.rglob("*")) == ["a.txt", "b.txt", "deep"]


def test_no_match(source):
    with pytest.raises(UserError, match="holds no file of this data set"):
        list(matching(source, r"(y.*)"))


def test_a_path_that_leads_outside(source):
    with pytest.raises(UserError, match="leads outside its folder"):
        list(matching(source, r"^x(/a.*)"))


def test_what_is_no_archive(tmp_path):
    (tmp_path / "a.zip").write_text("no archive")
    with pytest.raises(UserError, match=r"a.zip is damaged, cut off, or no .zip or .tar archive"):
        list(matching(tmp_path / "a.zip", "(.*)"))


def test_find_sources(tmp_path):
    (tmp_path / "downloads").mkdir()
    for name in ("a.zip", "other.zip"):
        (tmp_path / "downloads" / name).touch()
    (tmp_path / "b").mkdir()
    names = ("a.zip", "b")
    given = [tmp_path / "downloads", tmp_path / "b", tmp_path / "downloads/other.zip"]
    assert find_sources(given, names) == [tmp_path / "downloads/a.zip", tmp_path / "b"]
    with pytest.raises(UserError, match="nowhere does not exist; give the archives"):
        find_sources([tmp_path / "nowhere"], names)


def test_is_whole_png(tmp_path):
    end = b"\0\0\0\0IEND\xaeB`\x82"
    for name, content, whole in (("whole", b"x" + end, True), ("cut", end[:-1], False), ("empty", b"", False)):
        (tmp_path / name).write_bytes(content)
        assert is_whole_png(tmp_path / name) == whole
    assert not is_whole_png(tmp_path / "nowhere")


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_file_cut_off_anywhere(tmp_path, mode):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name in ("a", "b"):
            add(archive, f"x/{name}.txt", bytes(700))
    content = stream.getvalue()
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    assert len(list(matching(path, r"x/(.*)"))) == 2
    # Headers and blocks of 512 bytes: two files end at 3072, the zeros that fill up the archive follow.
    for length in range(100, 3072 if mode == "w" else len(content), 100 if mode == "w" else 20):
        path.write_bytes(content[:length])
        with pytest.raises(UserError, match="is damaged, cut off"):
            for entry, _ in matching(path, r"x/(.*)"):
                entry.read()


def test_links_in_an_archive_are_left_out(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind in (("x/link.txt", tarfile.SYMTYPE), ("x/hard.txt", tarfile.LNKTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        member = tarfile.TarInfo("x/file.txt")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"ok"))
    found = [(relative, entry.read()) for entry, relative in matching(tmp_path / "a.tar", r"x/(.*\.txt)$")]
    assert found == [("file.txt", b"ok")]

"""Files from an address: whole or not at all, and going on where an interrupted download stopped."""

import pytest

from paddleseg_ext.files.download import DownloadFailed, download, name_of

BODY = bytes(range(256)) * 4096


def test_whole_file_and_progress(server, tmp_path, capsys):
    server.files["/a/net.pth"] = BODY
    download(f"{server.url}/a/net.pth", tmp_path / "new" / "net.pth")
    assert (tmp_path / "new" / "net.pth").read_bytes() == BODY
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["net.pth"]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4 and lines[-1].startswith("net.pth: 100 % of 1.0 MB, ")


def interrupted(server, path, etag='"one"'):
    """Leave the first third of ``BODY`` in ``path.part``, as a broken connection does."""
    server.files["/net.pth"], server.promised["/net.pth"] = BODY[: len(BODY) // 3], len(BODY)
    server.etags["/net.pth"] = etag
    with pytest.raises(DownloadFailed):
        download(f"{server.url}/net.pth", path)
    assert not path.exists()
    server.files["/net.pth"] = BODY
    del server.promised["/net.pth"]
    server.ranges.clear()


def test_goes_on_where_it_stopped(server, tmp_path):
    path = tmp_path / "net.pth"
    interrupted(server, path)
    download(f"{server.url}/net.pth", path)
    assert path.read_bytes() == BODY
    assert server.ranges == [f"bytes={len(BODY) // 3}-"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.pth"]


def test_starts_over_when_the_file_is_another_one(server, tmp_path):
    path = tmp_path / "net.pth"
    interrupted(server, path)
    server.files["/net.pth"], server.etags["/net.pth"] = BODY[::-1], '"two"'
    download(f"{server.url}/net.pth", path)
    assert path.read_bytes() == BODY[::-1]


def test_starts_over_when_the_part_is_too_long(server, tmp_path):
    path = tmp_path / "net.pth"
    interrupted(server, path)
    (tmp_path / "net.pth.part").write_bytes(BODY * 2)
    download(f"{server.url}/net.pth", path)
    assert path.read_bytes() == BODY and len(server.ranges) == 2


def test_starts_over_when_the_server_names_no_version(server, tmp_path):
    path = tmp_path / "net.pth"
    interrupted(server, path, etag=None)
    download(f"{server.url}/net.pth", path)
    assert path.read_bytes() == BODY and server.ranges == [None]


def test_reasons(server, tmp_path):
    with pytest.raises(DownloadFailed, match="Not Found"):
        download(f"{server.url}/none.pth", tmp_path / "none.pth")
    with pytest.raises(DownloadFailed, match="Connection refused"):
        download("http://127.0.0.1:9/net.pth", tmp_path / "none.pth")
    with pytest.raises(DownloadFailed):
        download("nonsense", tmp_path / "none.pth")
    assert not list(tmp_path.iterdir())


def test_name_of():
    assert name_of("https://host/a/b%20c.pth?token=1") == "b c.pth"

"""Zip archives: members are pieces of the file, and traps are refused."""

import zipfile

import numpy as np
import pytest

from paddleseg_ext.weights import mapped_zip
from paddleseg_ext.weights.content import map_file
from paddleseg_ext.weights.mapped_zip import MappedZip
from paddleseg_ext.weights.refusal import Refused
from tests.weights.conftest import refusal
from tests.weights.torch_writer import save_zip, tensor


def test_zip_bomb(tmp_path):
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/data.pkl", b"N.")
        with file.open("a/data/0", "w") as member:
            for _ in range(80):
                member.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    assert "would grow" in refusal(path)


def test_zip_bomb_that_lies(tmp_path):
    """The directory says 8 bytes, the data continues for 64 MB."""
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/data.pkl", bytes(64 << 20))
    content = path.read_bytes()
    path.write_bytes(content.replace((64 << 20).to_bytes(4, "little"), (8).to_bytes(4, "little")))
    assert "not have the size that it announces" in refusal(path)


def test_encrypted_zip(tmp_path):
    path = tmp_path / "secret.pth"
    save_zip([], path)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "encrypted" in refusal(path)


def test_zip_members_that_overlap(tmp_path):
    """One storage of a thousand names would be decompressed, or converted, a thousand times."""
    path = tmp_path / "overlap.pth"
    save_zip([tensor(np.arange(3.0)), tensor(np.arange(3.0))], path)
    content = path.read_bytes()
    entries = [at for at in range(len(content)) if content[at : at + 4] == b"PK\x01\x02"]
    first, second = (at for at in entries if b"data/" in content[at + 46 : at + 64])
    moved = bytearray(content)
    moved[second + 42 : second + 46] = content[first + 42 : first + 46]
    path.write_bytes(moved)
    refusal(path)


def test_zip_members_of_one_name(tmp_path):
    path = tmp_path / "twice.pth"
    save_zip([], path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"archive/byteorder", b"archive/data.pkl\0"))
    refusal(path)
    with pytest.warns(UserWarning), zipfile.ZipFile(path, "w") as file:
        for _ in range(2):
            file.writestr("a/data.pkl", b"N.")
    assert "two members of one name" in refusal(path)


def test_zip_in_another_compression(tmp_path):
    save_zip([], tmp_path / "m.pth", compression=zipfile.ZIP_BZIP2)
    assert "compression" in refusal(tmp_path / "m.pth")


def test_zip_directory_too_large_to_be_true(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped_zip, "LARGEST_DIRECTORY", 100)
    save_zip([tensor(np.ones(1))] * 4, tmp_path / "m.pth")
    assert "too large to be true" in refusal(tmp_path / "m.pth")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_are_pieces_of_the_map(tmp_path, compression):
    contents = {"a/one": bytes(range(256)) * 40, "two": b"", "a/three": b"short"}
    with zipfile.ZipFile(tmp_path / "m.zip", "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    mapped = map_file(tmp_path / "m.zip")
    members = MappedZip(mapped)
    assert list(members) == list(contents)
    assert {name: bytes(members[name]) for name in members} == contents
    assert ("two" in members, "four" in members) == (True, False)
    assert (members["a/one"].obj is mapped) == (compression == zipfile.ZIP_STORED)
    with pytest.raises(Refused, match="holds no four; it is damaged"):
        members["four"]


def test_a_member_of_two_sizes(tmp_path):
    save_zip([tensor(np.ones(4))], tmp_path / "m.pth")
    content = bytearray((tmp_path / "m.pth").read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 24] ^= 1
    (tmp_path / "m.pth").write_bytes(content)
    assert "has two sizes" in refusal(tmp_path / "m.pth")

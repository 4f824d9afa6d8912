"""The members of a zip archive as pieces of one memory map, without a copy."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from mmap import mmap

from paddleseg_ext.weights.content import MapStream
from paddleseg_ext.weights.refusal import Refused, shown

# Weights cannot be compressed much. Only a zip bomb grows more than this.
MOST_EXPANSION = 10
ALWAYS_ALLOWED = 64 << 20
LARGEST_DIRECTORY = 4 << 20

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_ENCRYPTED = 0x1


class MappedZip:
    """The members of the zip archive that ``mapped`` maps, by their names.

    Nothing in the archive is trusted. Each member must lie inside the file, before the directory, and must not overlap
    another. A compressed member must announce a size that weights can have.

    Args:
        mapped: A memory map of the archive.

    Raises:
        Refused: The archive is cut short, encrypted, inconsistent or a bomb.
    """

    def __init__(self, mapped: mmap) -> None:
        self._mapped = mapped
        try:
            # zipfile reads as many bytes as the archive announces for its directory.
            with zipfile.ZipFile(MapStream(mapped, LARGEST_DIRECTORY)) as archive:
                members, end = archive.infolist(), archive.start_dir
        except (zipfile.BadZipFile, NotImplementedError, OverflowError) as error:
            raise Refused(
                f"is a zip archive that is damaged or cut short ({shown(error)}); fetch or copy it again"
            ) from error
        self._members = {member.filename: member for member in members}
        if len(self._members) != len(members):
            raise Refused("is a zip archive that holds two members of one name; use another copy")
        self._starts = {}
        expanded = 0
        # From the last member to the first: each must end before the next one begins.
        for member in sorted(members, key=lambda member: member.header_offset, reverse=True):
            name = shown(member.filename)
            if member.flag_bits & _ENCRYPTED:
                raise Refused(f"is an encrypted zip archive ({name}); unpack it first")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Refused(f"holds {name} in a compression that torch.save does not write; use the original file")
            start = self._data_start(member, end)
            if start + member.compress_size > end:
                raise Refused(f"is a zip archive whose member {name} overlaps what follows; use another copy")
            self._starts[member.filename] = start
            end = member.header_offset
            if member.compress_type == zipfile.ZIP_DEFLATED:
                expanded += member.file_size
            elif member.compress_size != member.file_size:
                raise Refused(f"is a zip archive whose member {name} has two sizes; use another copy")
        if expanded > ALWAYS_ALLOWED + MOST_EXPANSION * len(mapped):
            raise Refused(
                f"would grow from {len(mapped)} to {expanded} bytes, which weights do not; nothing was unpacked"
            )

    def _data_start(self, member: zipfile.ZipInfo, end: int) -> int:
        offset = member.header_offset
        if offset < 0 or offset + _LOCAL_HEADER.size > end:
            raise Refused("is a zip archive whose directory points outside of it; use another copy")
        signature, _, flags, method, *_, name, extra = _LOCAL_HEADER.unpack_from(self._mapped, offset)
        if signature != b"PK\x03\x04" or method != member.compress_type or flags & _ENCRYPTED:
            raise Refused("is a zip archive whose directory does not fit its members; use another copy")
        return offset + _LOCAL_HEADER.size + name + extra

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __getitem__(self, name: str) -> memoryview:
        """Return the bytes of a member: a piece of the map, or a copy if it is compressed.

        Checksums are not checked. That would read every byte of the file, and PyTorch does not always write them.
        """
        if name not in self._members:
            raise Refused(f"holds no {shown(name)}; it is damaged, use another copy")
        member, start = self._members[name], self._starts[name]
        stored = memoryview(self._mapped)[start : start + member.compress_size]
        if member.compress_type == zipfile.ZIP_STORED:
            return stored
        # If one byte more than announced can be read, the member is longer.
        expanded = zlib.decompressobj(-zlib.MAX_WBITS).decompress(stored, member.file_size + 1)
        if len(expanded) != member.file_size:
            raise Refused(f"holds {shown(name)}, which does not have the size that it announces; use another copy")
        return memoryview(expanded)

"""The boxes in which JPEG 2000 and JPEG XL come: length, name, content. Source: ISO/IEC 15444-1, annex I.4."""

from collections.abc import Iterator


def iso_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give (name, content) of every box of a file, as far as it goes; the content of the last one may be cut off."""
    at = 0
    while len(data) >= at + 8:
        length, name, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if length == 1:  # the real one follows, in eight bytes
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        end = at + length if length else len(data)
        if end < at + head:
            return
        yield name, data[at + head : end]
        at = end

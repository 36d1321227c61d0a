"""Put bytes one behind the other: heads and ids are written with it.

Written twice, like `scan`: here as what it means, and in `write.pyx` as copies into memory that is allocated once.
"""

from binascii import hexlify


class Writer:
    """Bytes that grow at their end. Made with `begin_writing`."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def put(self, piece: bytes) -> None:
        """Append bytes."""
        self._pieces.append(piece)

    def put_part(self, whole: bytes, start: int, end: int) -> None:
        """Append the bytes of `whole` from `start` to before `end`, those that there are."""
        self._pieces.append(whole[max(start, 0) : max(end, 0)])

    def put_number(self, number: int) -> None:
        """Append a number of 64 bits, at least 0, in decimal digits."""
        self._pieces.append(b"%d" % number)

    def take(self) -> bytes:
        """Return all that was put since the last call."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def begin_writing(room: int) -> Writer:
    """Return a writer of nothing yet. `room` is how many bytes are expected: a wrong guess costs time, nothing else."""
    del room
    return Writer()


def write_hex(data: bytes, start: int, end: int) -> bytes:
    """Return the bytes of `data` from `start` to before `end`, those that there are, in lower-case hexadecimal."""
    return hexlify(data[max(start, 0) : max(end, 0)])

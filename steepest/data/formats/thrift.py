"""As much of Thrift's compact protocol as Parquet's own structures take (thrift-compact-protocol.md)."""

from typing import Final

_DEEPEST: Final = 16
_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 11, 12


class BrokenThrift(Exception):
    """Bytes that are no struct."""


class Struct:
    """A struct's fields by number; one that is not there, or of another type, is as good as empty."""

    def __init__(self, fields: dict[int, object]) -> None:
        self._fields = fields

    def number(self, field: int) -> int:
        """A whole number; 0 when it is not there."""
        value = self._fields.get(field)
        return value if isinstance(value, int) else 0

    def has(self, field: int) -> bool:
        """Whether the field is there."""
        return field in self._fields

    def struct(self, field: int) -> "Struct":
        """A struct within this one."""
        value = self._fields.get(field)
        return value if isinstance(value, Struct) else Struct({})

    def structs(self, field: int) -> "list[Struct]":
        """A list of structs."""
        value = self._fields.get(field)
        return [each for each in value if isinstance(each, Struct)] if isinstance(value, list) else []

    def numbers(self, field: int) -> list[int]:
        """A list of whole numbers."""
        value = self._fields.get(field)
        return [each for each in value if isinstance(each, int)] if isinstance(value, list) else []


def read_struct(data: bytes) -> tuple[Struct, int]:
    """The struct that `data` begins with, and its length.

    Raises:
        BrokenThrift: there is none.
    """
    reader = _Reader(data)
    try:
        return reader.struct(0), reader.position
    except IndexError:
        raise BrokenThrift from None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def struct(self, depth: int) -> Struct:
        if depth > _DEEPEST:
            raise IndexError
        fields: dict[int, object] = {}
        number = 0
        while (head := self._byte()) != _STOP:
            delta = head >> 4
            number = number + delta if delta else self._zigzag()
            fields[number] = self._value(head & 15, depth, inside=False)
        return Struct(fields)

    def _value(self, kind: int, depth: int, *, inside: bool) -> object:
        if kind in (_TRUE, _FALSE):
            return self._byte() if inside else kind == _TRUE
        if kind == _BYTE:
            return self._byte()
        if kind < _DOUBLE:
            return self._zigzag()
        if kind in (_DOUBLE, _BINARY):
            self._pass(8 if kind == _DOUBLE else self._varint())
            return None
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_LIST, _SET):
            return self._list(depth)
        raise IndexError  # Parquet has no maps

    def _list(self, depth: int) -> list[object]:
        head = self._byte()
        length = self._varint() if head >> 4 == 15 else head >> 4
        if depth > _DEEPEST or length > len(self._data) - self.position:  # each takes a byte at least
            raise IndexError
        return [self._value(head & 15, depth + 1, inside=True) for _ in range(length)]

    def _pass(self, length: int) -> None:
        """Pass over bytes that nobody asks for."""
        if length > len(self._data) - self.position:
            raise IndexError
        self.position += length

    def _byte(self) -> int:
        value = self._data[self.position]
        self.position += 1
        return value

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) >= 128:
            value |= (byte & 127) << shift
            shift += 7
            if shift > 63:
                raise IndexError
        return value | byte << shift

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

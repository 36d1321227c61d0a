"""The compiled twin of `scan.py`, which says what every function does: one loop over the bytes of a head or of a line.

Every loop ends at the latest at the NUL that stands behind the bytes of a `bytes` object: it belongs to no name and no
value.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcmp, memcpy

from orion_gateway.http1.kinds import CLAIM, KINDS_IN_REQUESTS, KINDS_IN_RESPONSES, MANAGED, OTHER

cdef enum:
    CR = 13
    LF = 10
    LONGEST = 32  # more than the longest name of a table
    CAPACITY = 32  # names of a table
    IS_ODD = 0x80  # the byte is `_` or `.`, which may stand for `-`

cdef struct Name:
    int kind
    Py_ssize_t length
    unsigned char text[LONGEST]

cdef struct Table:
    Name names[CAPACITY]  # those of KINDS_IN_..., shortest first
    int begins[LONGEST + 2]  # at [n] the index of the first name of n bytes, which is behind the last one of n - 1
    bint is_first[256]  # whether a name begins with this lower-case byte

cdef Table _requests
cdef Table _responses
cdef int _claim = CLAIM, _managed = MANAGED, _other = OTHER
cdef unsigned char _name[256]  # of a byte of a name its lower case, `_` and `.` as `-` and IS_ODD; of any other 0
cdef unsigned char _digit[256]  # of a hexadecimal digit its value, of any other byte 16
cdef bint _is_value[256]
cdef bint _is_target[256]
cdef bint _is_authority[256]


cdef void _fill(Table *table, dict kinds) except *:
    cdef int index = 0, length = 0
    cdef bytes name
    for name in sorted(kinds, key=len):
        assert len(name) < LONGEST and index < CAPACITY
        while length <= len(name):
            table.begins[length] = index
            length += 1
        table.names[index].kind = kinds[name]
        table.names[index].length = len(name)
        memcpy(table.names[index].text, PyBytes_AS_STRING(name), len(name))
        table.is_first[name[0]] = True
        index += 1
    while length < LONGEST + 2:
        table.begins[length] = index
        length += 1


cdef void _fill_all() except *:
    cdef int byte
    for byte in range(256):
        char = bytes([byte])
        if char.isalnum() or char in b"!#$%&'*+-^`|~":
            _name[byte] = ord(char.lower())
        elif char in b"_.":
            _name[byte] = b"-"[0] | IS_ODD
        _digit[byte] = int(char, 16) if char in b"0123456789ABCDEFabcdef" else 16
        _is_value[byte] = byte == 9 or 0x20 <= byte <= 0x7E or byte >= 0x80
        _is_target[byte] = 0x21 <= byte <= 0x7E
        _is_authority[byte] = char.isalnum() or char in b"._~!$&'()*+;=-"
    _fill(&_requests, KINDS_IN_REQUESTS)
    _fill(&_responses, KINDS_IN_RESPONSES)


_fill_all()


@cython.freelist(64)  # Cython heeds it here only, not in the .pxd
cdef class Line:
    def __init__(
        self, int kind, Py_ssize_t start, Py_ssize_t end, Py_ssize_t value_start, Py_ssize_t value_end
    ) -> None:
        self.kind = kind
        self.start = start
        self.end = end
        self.value_start = value_start
        self.value_end = value_end

    cpdef bytes value(self, bytes raw):
        if not 0 <= self.value_start <= self.value_end <= PyBytes_GET_SIZE(raw):
            return b""  # the line is of another head
        return PyBytes_FromStringAndSize(PyBytes_AS_STRING(raw) + self.value_start, self.value_end - self.value_start)

    cpdef bytes lower_value(self, bytes raw):
        cdef bytes value = self.value(raw)
        cdef unsigned char *data = <unsigned char *>PyBytes_AS_STRING(value)
        cdef Py_ssize_t place
        if PyBytes_GET_SIZE(value) < 2:
            return value.lower()  # bytes of one character are shared, and not ours to write
        for place in range(PyBytes_GET_SIZE(value)):
            if c"A" <= data[place] <= c"Z":
                data[place] |= 0x20
        return value

    cpdef long long number(self, bytes raw) except -2:
        cdef const unsigned char *data
        cdef Py_ssize_t place
        cdef long long number = 0
        if not 0 <= self.value_start <= self.value_end <= PyBytes_GET_SIZE(raw):
            return -1  # the line is of another head
        if not 1 <= self.value_end - self.value_start <= 18:
            return -1
        data = <const unsigned char *>PyBytes_AS_STRING(raw)
        for place in range(self.value_start, self.value_end):
            if not c"0" <= data[place] <= c"9":
                return -1
            number = number * 10 + data[place] - c"0"
        return number


@cython.freelist(4)
cdef class RequestScan:
    pass


@cython.freelist(4)
cdef class ResponseScan:
    pass


cpdef Py_ssize_t find_head_end(bytes data, Py_ssize_t start) except -1:
    cdef const char *begin = PyBytes_AS_STRING(data)
    cdef const char *end = begin + PyBytes_GET_SIZE(data)
    cdef const char *found = begin + start + 3
    while found < end:
        found = <const char *>memchr(found, LF, end - found)
        if found == NULL:
            return 0
        if found[-1] == CR and found[-2] == LF and found[-3] == CR:
            return found - begin + 1
        found += 1
    return 0


cpdef RequestScan scan_request(bytes raw):
    cdef const char *text = PyBytes_AS_STRING(raw)
    cdef const unsigned char *data = <const unsigned char *>text
    cdef Py_ssize_t position = 0, target_start
    while _name[data[position]]:
        position += 1
    if position == 0 or data[position] != c" ":
        return None
    scan = <RequestScan>RequestScan.__new__(RequestScan)
    scan.method = PyBytes_FromStringAndSize(text, position)
    position += 1
    target_start = position
    while _is_target[data[position]]:
        position += 1
    if position == target_start or PyBytes_GET_SIZE(raw) - position < 13 or memcmp(text + position, b" HTTP/1.", 8):
        return None
    scan.target = PyBytes_FromStringAndSize(text + target_start, position - target_start)
    scan.minor = data[position + 8] - c"0"
    if not 0 <= scan.minor <= 1 or data[position + 9] != CR or data[position + 10] != LF:
        return None
    scan.fields_start = position + 11
    scan.lines = []
    scan.fields = _scan_section(
        raw, scan.fields_start, &_requests, True, scan.lines, &scan.has_underscores, &scan.has_odd_names
    )
    return scan if scan.fields >= 0 else None


cpdef ResponseScan scan_response(bytes raw):
    cdef const char *text = PyBytes_AS_STRING(raw)
    cdef const unsigned char *data = <const unsigned char *>text
    cdef Py_ssize_t position, reason_start
    cdef bint has_underscores = False, has_odd_names = False
    if PyBytes_GET_SIZE(raw) < 16 or memcmp(text, b"HTTP/1.", 7):
        return None
    scan = <ResponseScan>ResponseScan.__new__(ResponseScan)
    scan.minor = data[7] - c"0"
    if not 0 <= scan.minor <= 1 or data[8] != c" " or not c"1" <= data[9] <= c"5":
        return None
    if not c"0" <= data[10] <= c"9" or not c"0" <= data[11] <= c"9":
        return None
    scan.status = (data[9] - c"0") * 100 + (data[10] - c"0") * 10 + data[11] - c"0"
    position = reason_start = 12
    if data[position] == c" ":
        position += 1
        reason_start += 1
        while _is_value[data[position]]:
            position += 1
    if data[position] != CR or data[position + 1] != LF:
        return None
    scan.reason = PyBytes_FromStringAndSize(text + reason_start, position - reason_start)
    scan.fields_start = position + 2
    scan.lines = []
    scan.fields = _scan_section(
        raw, scan.fields_start, &_responses, False, scan.lines, &has_underscores, &has_odd_names
    )
    return scan if scan.fields >= 0 else None


cdef Py_ssize_t _scan_section(
    bytes raw,
    Py_ssize_t position,
    const Table *table,
    bint any_spelling,
    list lines,
    bint *has_underscores,
    bint *has_odd_names,
) except -2:
    """Read field lines and the empty line; return their number, or -1 when one is malformed or bytes are left."""
    cdef const unsigned char *data = <const unsigned char *>PyBytes_AS_STRING(raw)
    cdef Py_ssize_t fields = 0, size = PyBytes_GET_SIZE(raw), start, colon
    cdef unsigned char seen, byte
    cdef int kind
    while data[position] != CR:
        start = position
        seen = 0
        byte = _name[data[position]]
        while byte:
            seen |= byte
            position += 1
            byte = _name[data[position]]
        if position == start or data[position] != c":":
            return -1
        colon = position
        position = _skip_value(data, colon + 1, size)
        if data[position] != CR or data[position + 1] != LF:
            return -1
        position += 2
        fields += 1
        if table.is_first[_name[data[start]]]:
            kind = _find_kind(data + start, colon - start, table, any_spelling, seen)
            if kind != _other:
                lines.append(_take_line(kind, data, start, colon, position))
        if seen & IS_ODD and not has_underscores[0]:
            has_odd_names[0] = True
            has_underscores[0] = memchr(data + start, c"_", colon - start) != NULL
    if data[position + 1] != LF or position + 2 != PyBytes_GET_SIZE(raw):
        return -1
    return fields


cdef inline Py_ssize_t _skip_value(const unsigned char *data, Py_ssize_t position, Py_ssize_t size) noexcept:
    """Return where the first byte at or behind `position` stands that belongs to no value."""
    cdef uint64_t ones = 0x0101010101010101ULL  # times a byte that byte eight times, worked out by the compiler
    cdef uint64_t eight, flipped
    while position + 8 <= size:
        memcpy(&eight, data + position, 8)
        flipped = eight ^ ones * 0x7F
        # A byte below 0x20, or 0x7F, borrows its high bit; one that had it before does not count. A tab is found, too:
        # then, as at the end, the bytes are looked at one by one.
        if ((eight - ones * 0x20) & ~eight | (flipped - ones) & ~flipped) & (ones * 0x80):
            break
        position += 8
    while _is_value[data[position]]:
        position += 1
    return position


cdef int _find_kind(
    const unsigned char *name, Py_ssize_t length, const Table *table, bint any_spelling, unsigned char seen
) noexcept:
    cdef unsigned char text[LONGEST]
    cdef int index
    cdef Py_ssize_t place
    if seen & IS_ODD and not any_spelling:
        return _other
    for place in range(min(length, LONGEST)):
        text[place] = _name[name[place]] & ~IS_ODD
    if length < LONGEST:
        for index in range(table.begins[length], table.begins[length + 1]):
            if not memcmp(text, table.names[index].text, length):
                return _managed if seen & IS_ODD else table.names[index].kind
    if length >= 8 and not memcmp(text, b"x-orion-", 8):
        return _managed
    if any_spelling and length >= 12 and not memcmp(text, b"x-forwarded-", 12):
        return _managed if seen & IS_ODD else _claim
    return _other


cdef Line _take_line(int kind, const unsigned char *data, Py_ssize_t start, Py_ssize_t colon, Py_ssize_t end):
    line = <Line>Line.__new__(Line)
    line.kind = kind
    line.start = start
    line.end = end
    line.value_start = colon + 1
    line.value_end = end - 2
    while data[line.value_start] == c" ":
        line.value_start += 1
    while line.value_end > line.value_start and data[line.value_end - 1] == c" ":
        line.value_end -= 1
    return line


cpdef list find_lines(bytes raw, Py_ssize_t fields_start, bytes name):
    lines = []
    line = find_line(raw, fields_start, name)
    while line is not None:
        lines.append(line)
        line = find_line(raw, line.end, name)
    return lines


cpdef Line find_line(bytes raw, Py_ssize_t fields_start, bytes name):
    cdef const unsigned char *data = <const unsigned char *>PyBytes_AS_STRING(raw)
    cdef const unsigned char *wanted = <const unsigned char *>PyBytes_AS_STRING(name)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(raw), length = PyBytes_GET_SIZE(name), start = fields_start, end, place
    cdef unsigned char byte
    cdef const void *found
    while start < size:
        found = memchr(data + start, LF, size - start)
        if found == NULL:
            return None
        end = <const unsigned char *>found - data + 1
        if start + length < end and data[start + length] == c":":
            place = 0
            while place < length:
                byte = data[start + place]
                if c"A" <= byte <= c"Z":
                    byte |= 0x20
                if byte != wanted[place]:
                    break
                place += 1
            if place == length:
                return _take_line(_other, data, start, start + length, end)
        start = end
    return None


cpdef bint is_name_and_port(bytes authority) except -1:
    cdef const unsigned char *data = <const unsigned char *>PyBytes_AS_STRING(authority)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(authority), position = 0, digits
    cdef int port = 0
    while _is_authority[data[position]]:
        position += 1
    if position == 0 or position == size:
        return position != 0
    digits = size - position - 1
    if data[position] != c":" or not 1 <= digits <= 5:
        return False
    for position in range(position + 1, size):
        if not c"0" <= data[position] <= c"9":
            return False
        port = port * 10 + data[position] - c"0"
    return port <= 65535


cpdef tuple scan_size(bytes data, Py_ssize_t position):
    cdef const unsigned char *text = <const unsigned char *>PyBytes_AS_STRING(data)
    cdef Py_ssize_t start = position
    cdef long long size = 0
    if not 0 <= position < PyBytes_GET_SIZE(data):
        return None
    while _digit[text[position]] < 16 and position - start < 15:
        size = size * 16 + _digit[text[position]]
        position += 1
    if position == start or text[position] != CR or text[position + 1] != LF:
        return None
    return size, position + 2

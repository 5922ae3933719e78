"""Reading a QR code that has no damage: ISO/IEC 18004, level M, bytes, versions 4 to 13.

Written after the standard and not after what draws them here, so that one is a proof of the other.
"""

from collections.abc import Callable, Iterator, Sequence

Matrix = Sequence[Sequence[bool]]
"""Rows from above, modules from the left, without the margin; dark is true."""

_CENTRES = {
    4: (6, 26), 5: (6, 30), 6: (6, 34), 7: (6, 22, 38), 8: (6, 24, 42), 9: (6, 26, 46),
    10: (6, 28, 50), 11: (6, 30, 54), 12: (6, 32, 58), 13: (6, 34, 62),
}  # fmt: skip
"""Of alignment patterns, by version (annex E)."""
_BLOCKS = {
    4: [32] * 2, 5: [43] * 2, 6: [27] * 4, 7: [31] * 4, 8: [38, 38, 39, 39],
    9: [36, 36, 36, 37, 37], 10: [43, 43, 43, 43, 44], 11: [50, 51, 51, 51, 51],
    12: [36] * 6 + [37] * 2, 13: [37] * 8 + [38],
}  # fmt: skip
"""Codewords of data in each block of level M, by version (table 9)."""
_MASKS: tuple[Callable[[int, int], int], ...] = (
    lambda i, j: (i + j) % 2,
    lambda i, _: i % 2,
    lambda _, j: j % 3,
    lambda i, j: (i + j) % 3,
    lambda i, j: (i // 2 + j // 3) % 2,
    lambda i, j: i * j % 2 + i * j % 3,
    lambda i, j: (i * j % 2 + i * j % 3) % 2,
    lambda i, j: ((i + j) % 2 + i * j % 3) % 2,
)
"""Which modules of row i and column j are turned round: those that give 0 (table 10)."""


def read(matrix: Matrix) -> str:
    """Give the text of a code."""
    size = len(matrix)
    version = (size - 17) // 4
    assert size == 17 + 4 * version
    assert all(len(row) == size for row in matrix)
    _check_finders(matrix)
    places = [(8, 0), (8, 1), (8, 2), (8, 3), (8, 4), (8, 5), (8, 7), (8, 8), (7, 8)]
    places += [(row, 8) for row in range(5, -1, -1)]
    form = _number(matrix[i][j] for i, j in places) ^ 0b101010000010010
    assert form >> 13 == 0, "level M"
    mask = _MASKS[form >> 10 & 7]
    bits = [matrix[i][j] ^ (mask(i, j) == 0) for i, j in _path(version)]
    words = [_number(bits[at : at + 8]) for at in range(0, len(bits) - 7, 8)]
    stream = "".join(f"{word:08b}" for word in _in_order(words, _BLOCKS[version]))
    assert stream[:4] == "0100", "bytes"
    start = 4 + (8 if version < 10 else 16)
    count = int(stream[4:start], 2)
    return bytes(int(stream[at : at + 8], 2) for at in range(start, start + 8 * count, 8)).decode()


def _check_finders(matrix: Matrix) -> None:
    for top, left in ((0, 0), (0, len(matrix) - 7), (len(matrix) - 7, 0)):
        for i in range(7):
            for j in range(7):
                dark = max(abs(i - 3), abs(j - 3)) != 2
                assert matrix[top + i][left + j] == dark, (top + i, left + j)


def _number(bits: Sequence[bool] | Iterator[bool]) -> int:
    number = 0
    for bit in bits:
        number = number << 1 | bit
    return number


def _in_order(words: Sequence[int], lengths: Sequence[int]) -> list[int]:
    """Data of the blocks one after another: they are drawn word by word in turns."""
    blocks: list[list[int]] = [[] for _ in lengths]
    rest = iter(words)
    for at in range(max(lengths)):
        for block, length in zip(blocks, lengths, strict=True):
            if at < length:
                block.append(next(rest))
    return [word for block in blocks for word in block]


def _path(version: int) -> Iterator[tuple[int, int]]:
    """Modules of data in their order: pairs of columns from the right, up and down in turns."""
    size = 17 + 4 * version
    taken = _function_modules(version)
    upwards = True
    for right in [*range(size - 1, 6, -2), 5, 3, 1]:
        for i in range(size - 1, -1, -1) if upwards else range(size):
            for j in (right, right - 1):
                if (i, j) not in taken:
                    yield i, j
        upwards = not upwards


def _function_modules(version: int) -> set[tuple[int, int]]:
    size = 17 + 4 * version
    taken = {(6, n) for n in range(size)} | {(n, 6) for n in range(size)}
    taken |= {(i, j) for i in range(9) for j in range(9)}
    taken |= {(i, j) for i in range(9) for j in range(size - 8, size)}
    taken |= {(i, j) for i in range(size - 8, size) for j in range(9)}
    last = size - 7
    corners = {(6, 6), (6, last), (last, 6)}
    for row in _CENTRES[version]:
        for column in _CENTRES[version]:
            if (row, column) not in corners:
                taken |= {(row + i, column + j) for i in range(-2, 3) for j in range(-2, 3)}
    if version >= 7:
        taken |= {(i, j) for i in range(6) for j in range(size - 11, size - 8)}
        taken |= {(j, i) for i in range(6) for j in range(size - 11, size - 8)}
    return taken

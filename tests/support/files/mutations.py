"""Files with random damage of the kinds that disks and downloads do, always the same for one seed."""

import random
from collections.abc import Callable


def flip_bit(data: bytearray, chance: random.Random) -> bytearray:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def flip_bits(data: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.randrange(2, 20)):
        flip_bit(data, chance)
    return data


def cut(data: bytearray, chance: random.Random) -> bytearray:
    return data[: chance.randrange(1, len(data))]


def zero_tail(data: bytearray, chance: random.Random) -> bytearray:
    place = chance.randrange(len(data))
    return data[:place] + bytes(len(data) - place)


def zero_range(data: bytearray, chance: random.Random) -> bytearray:
    length = min(len(data) // 2, chance.choice((16, 64, 512, 4096)))
    place = chance.randrange(len(data) - length)
    data[place : place + length] = bytes(length)
    return data


def overwrite(data: bytearray, chance: random.Random) -> bytearray:
    length = min(len(data) // 2, chance.choice((16, 64, 512)))
    place = chance.randrange(len(data) - length)
    data[place : place + length] = chance.randbytes(length)
    return data


def swap_blocks(data: bytearray, chance: random.Random) -> bytearray:
    length = min(len(data) // 4, chance.choice((64, 512)))
    one, other = sorted(chance.randrange(len(data) - length) for _ in range(2))
    other = max(other, one + length)
    first, second = data[one : one + length], data[other : other + length]
    data[one : one + length], data[other : other + length] = second, first
    return data


def drop_range(data: bytearray, chance: random.Random) -> bytearray:
    length = min(len(data) // 2, chance.choice((1, 16, 512)))
    place = chance.randrange(len(data) - length)
    del data[place : place + length]
    return data


KINDS: tuple[Callable[[bytearray, random.Random], bytearray], ...] = (
    flip_bit,
    flip_bits,
    cut,
    zero_tail,
    zero_range,
    overwrite,
    swap_blocks,
    drop_range,
)


def mutate(data: bytes, number: int) -> tuple[str, bytes]:
    """Return the kind of damage and the damaged file; `number` chooses both."""
    kind = KINDS[number % len(KINDS)]
    return kind.__name__, bytes(kind(bytearray(data), random.Random(number)))

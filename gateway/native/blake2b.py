"""BLAKE2b (RFC 7693) of a short text under a key, for routing: the same 64 bits as gnomon.routing.key_hash.

The state after the block of the key is computed once a model, by Python; a text of up to 128 bytes is one more block.
"""

from gateway.native.memory import compiled, copy, load8, shifted, store8

IV = (
    0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
    0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
)  # fmt: skip
IV_SIGNED = tuple(value - (1 << 64) if value >> 63 else value for value in IV)
SIGMA = (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3,
    11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4,
    7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8,
    9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13,
    2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9,
    12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11,
    13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10,
    6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5,
    10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0,
)  # fmt: skip
ROUNDS, BLOCK_BYTES, DIGEST_BYTES = 12, 128, 8


@compiled
def rotated(value: int, by: int) -> int:
    return shifted(value, by) | value << (64 - by)


@compiled
def mix(work: int, a: int, b: int, c: int, d: int, one: int, two: int) -> None:
    """The function G of section 3.1, on words of `work`."""
    a, b, c, d = work + 8 * a, work + 8 * b, work + 8 * c, work + 8 * d
    store8(a, load8(a) + load8(b) + one)
    store8(d, rotated(load8(d) ^ load8(a), 32))
    store8(c, load8(c) + load8(d))
    store8(b, rotated(load8(b) ^ load8(c), 24))
    store8(a, load8(a) + load8(b) + two)
    store8(d, rotated(load8(d) ^ load8(a), 16))
    store8(c, load8(c) + load8(d))
    store8(b, rotated(load8(b) ^ load8(c), 63))


@compiled
def compress(state: int, block: int, work: int, count: int, last: bool) -> None:
    """The function F of section 3.2: `state` of 8 words, `block` and `work` of 16; `count` bytes so far."""
    for index in range(8):
        store8(work + 8 * index, load8(state + 8 * index))
        store8(work + 64 + 8 * index, IV_SIGNED[index])
    store8(work + 96, load8(work + 96) ^ count)
    if last:
        store8(work + 112, load8(work + 112) ^ -1)
    for number in range(ROUNDS):
        row = 16 * (number % 10)
        for step in range(8):
            column = step & 3
            turn = step >> 2
            one = load8(block + 8 * SIGMA[row + 2 * step])
            two = load8(block + 8 * SIGMA[row + 2 * step + 1])
            b, c, d = 4 + (column + turn & 3), 8 + (column + 2 * turn & 3), 12 + (column + 3 * turn & 3)
            mix(work, column, b, c, d, one, two)
    for index in range(8):
        at = state + 8 * index
        store8(at, load8(at) ^ load8(work + 8 * index) ^ load8(work + 64 + 8 * index))


@compiled
def clear(at: int, words: int) -> None:
    for index in range(words):
        store8(at + 8 * index, 0)


def key_state(state: int, key: int, size: int, scratch: int) -> int:
    """Fills `state` with that after the block of a key of at most 64 bytes. `scratch` has 32 words."""
    for index in range(8):
        store8(state + 8 * index, IV_SIGNED[index])
    store8(state, load8(state) ^ 0x01010000 ^ size << 8 ^ DIGEST_BYTES)
    clear(scratch, 16)
    copy(scratch, key, size)
    compress(state, scratch, scratch + BLOCK_BYTES, BLOCK_BYTES, False)
    return 0


@compiled
def key_hash(state: int, text: int, size: int, scratch: int) -> int:
    """64 bits of a text that is not empty. `scratch` has 40 words."""
    block, work, own = scratch, scratch + BLOCK_BYTES, scratch + 2 * BLOCK_BYTES
    copy(own, state, 64)
    done = 0
    while size - done > BLOCK_BYTES:
        compress(own, text + done, work, 2 * BLOCK_BYTES + done, False)
        done += BLOCK_BYTES
    clear(block, 16)
    copy(block, text + done, size - done)
    compress(own, block, work, BLOCK_BYTES + size, True)
    return load8(own)

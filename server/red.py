"""RED, the format (RFC 2198): a packet of sound that carries earlier ones again.

Around Opus, as browsers offer it: ``red/48000/2`` with ``a=fmtp:63 111/111``.
"""

import struct
from dataclasses import dataclass

OPUS_PAYLOAD_TYPE = 111
"""Browsers that offer RED have Opus under this number; a block of RED names it."""
FORMAT = f"{OPUS_PAYLOAD_TYPE}/{OPUS_PAYLOAD_TYPE}"
MIME_TYPE = "audio/red"
# What a block's header can say of one that comes again (RFC 2198 section 3).
_MAX_OFFSET = 1 << 14
_MAX_BYTES = 1 << 10


@dataclass(frozen=True)
class Block:
    """One packet of sound: ``age`` is how much earlier it begins, in samples."""

    age: int
    data: bytes


def fits(block: Block) -> bool:
    """Whether a header can say of ``block`` that it comes again."""
    return 0 < block.age < _MAX_OFFSET and len(block.data) < _MAX_BYTES


def pack(blocks: list[Block]) -> bytes:
    """The payload of one RED packet; the last block is the one that is new (age 0).

    Raises ValueError for what a header cannot say.
    """
    headers = b""
    for block in blocks[:-1]:
        if not fits(block):
            raise ValueError(
                f"found a block of {len(block.data)} bytes, {block.age} samples old, expected less"
                f" than {_MAX_BYTES} and {_MAX_OFFSET}: leave it out"
            )
        word = 1 << 31 | OPUS_PAYLOAD_TYPE << 24 | block.age << 10 | len(block.data)
        headers += struct.pack("!L", word)
    return headers + bytes([OPUS_PAYLOAD_TYPE]) + b"".join(block.data for block in blocks)


def unpack(payload: bytes) -> list[Block]:
    """The blocks of a RED packet, oldest first. Raises ValueError for what is none, or not Opus."""
    sizes: list[tuple[int, int]] = []
    at = 0
    while at < len(payload) and payload[at] & 0x80:
        if at + 4 > len(payload):
            break
        (word,) = struct.unpack_from("!L", payload, at)
        _check_type(word >> 24 & 0x7F)
        sizes.append((word >> 10 & _MAX_OFFSET - 1, word & _MAX_BYTES - 1))
        at += 4
    if at >= len(payload) or payload[at] & 0x80:
        raise ValueError(f"found {len(payload)} bytes of headers only, expected RED (RFC 2198)")
    _check_type(payload[at])
    at += 1
    sizes.append((0, len(payload) - at - sum(size for _, size in sizes)))
    if sizes[-1][1] < 0:
        raise ValueError(f"found {len(payload)} bytes, which is less than their headers say")
    blocks = []
    for age, size in sizes:
        blocks.append(Block(age, payload[at : at + size]))
        at += size
    return blocks


def _check_type(payload_type: int) -> None:
    if payload_type != OPUS_PAYLOAD_TYPE:
        raise ValueError(f"found a block of type {payload_type}, expected {OPUS_PAYLOAD_TYPE}")

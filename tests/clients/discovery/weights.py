"""Files of weights with real headers and as few bytes as they can have."""

import json
import struct

BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I8": 1, "U8": 1, "BOOL": 1}


def safetensors(tensors, metadata=None):
    """`tensors` maps names to (dtype, shape)."""
    header, end = {}, 0
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (dtype, shape) in tensors.items():
        start, end = end, end + count(shape) * BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    return with_header(json.dumps(header).encode(), end)


def with_header(header, data_bytes):
    """A safetensors file with this header, whatever it says, and so many zeros."""
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + b"\0" * data_bytes


def count(shape):
    product = 1
    for dimension in shape:
        product *= dimension
    return product


def shards(*parts, stem="model"):
    """The files of a sharded model: each part is a mapping as for `safetensors`."""
    files, weight_map, size = {}, {}, 0
    for number, tensors in enumerate(parts, 1):
        name = f"{stem}-{number:05}-of-{len(parts):05}.safetensors"
        files[name] = safetensors(tensors, {"format": "pt"})
        weight_map.update({tensor: name for tensor in tensors})
        size += sum(count(shape) * BYTES[dtype] for dtype, shape in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    files[f"{stem}.safetensors.index.json"] = json.dumps(index)
    return files


# The types of values in a GGUF header, and of its tensors with weights and bytes per block.
U32, F32, BOOL, STRING, ARRAY, U64 = 4, 6, 7, 8, 9, 10
GGML = {"F32": (0, 1, 4), "F16": (1, 1, 2), "Q4_0": (2, 32, 18), "Q8_0": (8, 32, 34), "Q4_K": (12, 256, 144)}


def gguf(metadata, tensors, version=3):
    """`metadata` maps keys to texts, numbers, truths and lists of texts; `tensors` names to (type, shape)."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for key, value in metadata.items():
        head += text(key) + typed(value)
    offset = 0
    for name, (kind, shape) in tensors.items():
        number, weights, size = GGML[kind]
        head += text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", d) for d in shape)
        head += struct.pack("<IQ", number, offset)
        offset += count(shape) // weights * size
        offset += -offset % 32
    head += b"\0" * (-len(head) % 32)
    return head + b"\0" * offset


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def typed(value):
    if isinstance(value, bool):
        return struct.pack("<IB", BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", U32, value)
    if isinstance(value, float):
        return struct.pack("<If", F32, value)
    if isinstance(value, list):
        return struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(text(item) for item in value)
    return struct.pack("<I", STRING) + text(value)

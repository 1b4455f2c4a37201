"""Changes a share of the tensors of a safetensors file in place, as a fine-tune of the last layers does.

Usage: fine_tune.py FILE SHARE SEED
"""

import sys

import numpy
from safetensors.numpy import load_file, save_file

path, share, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
random = numpy.random.default_rng(seed)
tensors = load_file(path)
budget = share * sum(tensor.nbytes for tensor in tensors.values())
for name in sorted(tensors, reverse=True):
    tensor = tensors[name]
    budget -= tensor.nbytes
    if budget < 0:
        break
    tensors[name] = tensor + random.normal(0, 1e-3, tensor.shape).astype(tensor.dtype)
save_file(tensors, path, metadata={"format": "pt"})

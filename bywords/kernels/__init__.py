"""Arrays → arrays, in loops: what neither numpy, polars nor PyTorch does in one pass over memory.

Kernels are plain functions that hold no state and draw no random numbers. `jit.py` decides whether a call runs in the
interpreter or as machine code; the latter runs without the interpreter's lock, so that threads can share the work. Each
kernel has a slow twin in plain Python or PyTorch that the tests hold it against.
"""

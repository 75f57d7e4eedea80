"""Loops as machine code: what neither numpy, polars nor PyTorch does in one pass over memory.

Importing a module of this room imports numba, which takes a while, so callers import it where they use it. Functions
take and give plain arrays, hold no state, draw no random numbers, and run without the interpreter's lock, so that
threads can share the work. Each has a slow twin in plain Python or PyTorch that the tests hold it against.
"""

"""Arrays → arrays, in loops in C: what neither numpy, polars nor PyTorch does in one pass over memory.

Kernels hold no state and draw no random numbers. `c/` has the loops and `c/module.c` their signatures: arrays of
another dtype or layout are refused there, and loops run without the interpreter's lock, so that threads can share the
work. The modules here make room for what they return. Each kernel has a slow twin in plain Python, in `tests/twins`.
`utf8` alone takes objects of Python: texts, and a column of polars.

Lengths, shapes, offsets and ids that do not fit raise ValueError before a loop begins, and text may be invalid UTF-8.
Trusted are only tables that other kernels filled: those of words (`find`, `add`, `rehash`), those of pairs
(`find_pairs`), and both in a vocabulary (`encode`, `encode_texts`).
"""

"""Calls of kernels with wild arguments, made in a process of their own that a hang or a crash ends alone.

Here is only what that process has to import. It is spawned, not forked: gcc's sanitizers do not hold their locks over a
fork, so that a child which is forked while another thread allocates may wait for ever.
"""

import multiprocessing

import numpy as np
from forking import SECONDS

from bywords.kernels import _native

# What a kernel trusts, by the index of the argument: tables that only other kernels fill. `c/` says so beside each.
IN_VOCABULARY = {5, 6, 7, 8, 9, 10, 11}
TRUSTED = {
    "find": {3, 4, 5}, "add": {3, 4, 5, 6}, "find_pairs": {4}, "rehash": {0, 1}, "table_of_pairs": {2},
    "encode": {1 + index for index in IN_VOCABULARY}, "encode_texts": IN_VOCABULARY, "answer_texts": IN_VOCABULARY,
}  # fmt: skip
WRONG = (ValueError, TypeError, MemoryError, OverflowError)
NUMBERS = (-(2**62), -(2**31), -2, -1, 0, 1, 2, 3, 2**31, 2**62)


def n_refused(name, arguments):
    """Of the kernel's calls with one wild argument, how many it refused; AssertionError where it hangs or crashes."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_call_all, args=(name, arguments, there))
    child.start()
    there.close()
    at = "before its first call"
    try:
        while here.poll(SECONDS):
            message = here.recv()
            if isinstance(message, int):
                return message
            at = message
        child.kill()
        raise AssertionError(f"{name}, {at}: the call hung")
    except EOFError:
        child.join()
        raise AssertionError(f"{name}, {at}: the process ended by {child.exitcode}") from None
    finally:
        child.join()
        here.close()


def _call_all(name, arguments, pipe):
    generator, refused = np.random.default_rng(0), 0
    for index, argument in enumerate(arguments):
        for number, wild in enumerate(_changed(argument, generator, index in TRUSTED.get(name, ()))):
            pipe.send(f"argument {index}, change {number}")
            others = [np.copy(one) if isinstance(one, np.ndarray) else one for one in arguments]
            others[index] = wild
            try:
                getattr(_native, name)(*others)
            except WRONG:
                refused += 1
    pipe.send(refused)


def _changed(argument, generator, is_trusted):
    """Other arguments in its place."""
    if isinstance(argument, int):
        return NUMBERS
    if isinstance(argument, float):
        return (-1.0, 0.0, 1e-300, 1.0, 2.0, float("nan"), float("inf"))
    lengths = [] if is_trusted else [argument[:-1], argument[: len(argument) // 2], argument[:0], argument[1:]]
    lengths += [] if is_trusted else [np.empty((len(argument), 0), argument.dtype), np.empty((9, 0), argument.dtype)]
    lengths += [np.concatenate([argument, argument]), argument[:, :-1] if argument.ndim > 1 else argument[None]]
    lengths = [np.ascontiguousarray(one) for one in lengths]
    if is_trusted or not argument.size:
        return lengths
    if argument.dtype.kind == "f":
        fills = (0, -1, np.nan, np.inf)
    else:
        limits = np.iinfo(argument.dtype)
        fills = (0, 1, 7, limits.max, limits.min, limits.max // 2)
    filled = [np.full_like(argument, fill) for fill in fills]
    one_is_wild = [argument.copy() for fill in fills for _ in range(2)]
    for copy, fill in zip(one_is_wild, [fill for fill in fills for _ in range(2)], strict=True):
        copy.flat[generator.integers(argument.size)] = fill
    return [*lengths, *filled, *one_is_wild, np.ascontiguousarray(argument[::-1]), generator.permutation(argument)]

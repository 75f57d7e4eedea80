"""Does every command answer, or say what is wrong on one line, whatever its arguments and options are?

Claim: of all parameters of all commands, the settings of --set among them, each with wild values in its place (empty,
huge, negative, not a number, not Unicode, patterns, pipes, folders for files …), now and then two at once, none ends in
a traceback, by a signal, in more than 10 seconds of the processor or in more than 1 GB, and what fails leaves no file
behind. The cases are drawn with a seed, as many as the time allows.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from measure import write_result
from wild_arguments import NUMBERS, PATHS, WORDS, Outcome, Parameter, outcome_of, parameters, prepared

TWO_SHARE = 0.1  # of the cases: two parameters of a command line are wild


def main() -> None:
    """Run the cases, tell each fault, and assert the claim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000, help="how many at most")
    parser.add_argument("--seconds", type=float, default=3 * 3600, help="how long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--light", action="store_true", help="only of commands that start fast")
    parser.add_argument("--no-result", action="store_true", help="write no file of results")
    asked = parser.parse_args()
    codes: Counter[str] = Counter()
    faults, longest, most_bytes = list[str](), 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        prepared(Path(folder), light=asked.light)
        started = time.monotonic()
        for words in cases(asked.seed, asked.cases, list(parameters(light=asked.light))):
            if time.monotonic() - started > asked.seconds:
                break
            outcome = outcome_of(words, Path(folder))
            codes[f"exit code {outcome.code}"] += 1
            longest, most_bytes = max(longest, outcome.seconds), max(most_bytes, outcome.n_bytes)
            if outcome.fault:
                faults.append(told(outcome))
                print(faults[-1], flush=True)
    n_parameters = len(list(parameters(light=asked.light)))
    worst = {"processor_seconds": round(longest, 1), "bytes": most_bytes}
    print(f"{codes.total()} command lines, {n_parameters} parameters: {len(faults)} faults; {dict(codes)}, {worst}")
    if not asked.no_result:
        result = {"cases": codes.total(), "parameters": n_parameters, "seed": asked.seed, "codes": dict(codes)}
        write_result("fuzz_commands", {**result, "worst": worst, "faults": faults})
    assert not faults, len(faults)


def cases(seed: int, n: int, known: list[Parameter]) -> list[list[str]]:
    """N command lines; each parameter comes before one comes again."""
    generator = random.Random(seed)
    found = list[list[str]]()
    while len(found) < n:
        generator.shuffle(known)
        for parameter in known[: n - len(found)]:
            values = generator.choice((WORDS, NUMBERS, PATHS))
            words = parameter.line_with(generator.choice(values))
            if generator.random() < TWO_SHARE:
                others = [one for one in known if one.line == parameter.line and one.place != parameter.place]
                words = _with_two(parameter, generator.choice(others), generator) if others else words
            found.append(words)
    return found


def _with_two(one: Parameter, other: Parameter, generator: random.Random) -> list[str]:
    first, second = (generator.choice(generator.choice((WORDS, NUMBERS, PATHS))) for _ in range(2))
    return one.line_with(first, also=(other, second))


def told(outcome: Outcome) -> str:
    """A fault on a line."""
    words = " ".join(repr(word) if len(word) < 80 else f"{word[:60]!r}… of {len(word)}" for word in outcome.words)
    return f"{outcome.fault}: {words}"


if __name__ == "__main__":
    main()

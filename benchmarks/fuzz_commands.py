"""Every argument and option of every command with each wild value."""

from __future__ import annotations
import re, sys, tempfile, random, collections, json
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from wild_arguments import *


def main():
    import_all()
    pick = sys.argv[1] if len(sys.argv) > 1 else ""
    share = float(sys.argv[2]) if len(sys.argv) > 2 else 1
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs"
        inputs.mkdir()
        import os

        if (child := os.fork()) == 0:
            write_inputs(inputs)
            os._exit(0)
        os.waitpid(child, 0)
        faults = collections.defaultdict(list)
        for line in GOOD:
            if not pick:
                o = outcome_of(shlex.split(line), inputs)
                print(f"{o.seconds:5.2f} {o.n_bytes / 1e6:.0f}MB {o.code} {line} {o.fault}", flush=True)
                if o.code:
                    print(o.error[-3000:])
        r = random.Random(pick)
        cases = [
            (p, v) for p in parameters() if re.search(pick, f"{p.line} | {p.name}") for v in [*WORDS, *NUMBERS, *PATHS]
        ]
        cases = [c for c in cases if r.random() < share]
        r.shuffle(cases)
        print(len(cases), flush=True)
        t = time.time()
        for i, (p, v) in enumerate(cases):
            o = outcome_of(p.line_with(v), inputs)
            if i % 100 == 0:
                print(f"{i} {time.time() - t:.0f} s", flush=True)
            if o.fault:
                if o.fault not in faults:
                    print(f"{i} {p.line} | {p.name} {v[:60]!r}: {o.fault}", flush=True)
                faults[o.fault].append((p.line, p.name, v))
            elif o.seconds > 5:
                print(f"slow {o.seconds:.1f} {p.line} {p.name} {v[:60]!r} {o.code} {o.error[:100]}", flush=True)
        print(len(cases), time.time() - t)
        Path(f"/tmp/wt/fuzz-faults-{abs(hash(pick))}.json").write_text(json.dumps(faults))
        for f, c in faults.items():
            print(len(c), f, sorted({(n, v[:30]) for _, n, v in c})[:6])


main()

"""How long until `bywords --help` has answered, and until `import bywords` is over?

Claim: each within .3 s, Python's own start included, and without importing PyTorch. Medians of eleven processes.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from measure import ENVIRONMENT, median_seconds, write_result

WITHIN_SECONDS = 0.3
COMMANDS = {
    "bywords --help": ["-m", "bywords", "--help"],
    "import bywords": ["-c", "import bywords"],
    "python alone": ["-c", ""],
}
LOOK = "import sys, bywords.cli.main; sys.exit('torch' in sys.modules)"


def main() -> None:
    """Start the processes, and assert the claim."""
    seconds = median_seconds({name: partial(run, arguments) for name, arguments in COMMANDS.items()}, n_runs=11)
    for name, value in seconds.items():
        print(f"{name:16} {value:.3f} s")
    write_result("start_up", {"seconds": seconds})
    assert max(seconds.values()) <= WITHIN_SECONDS, seconds
    subprocess.run([sys.executable, "-c", LOOK], check=True)


def run(arguments: list[str]) -> None:
    """One process to its end."""
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=ENVIRONMENT)


if __name__ == "__main__":
    main()

"""`python -m bywords` is the same as `bywords`."""

import gc
import sys

OBJECTS_BETWEEN_COLLECTIONS = 20_000  # with Python's 700 a start looks hundreds of times through what it imports


def main() -> None:
    """Run the command line. Ctrl-C while it is imported ends it as at any other time."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    try:
        from bywords.cli import main as cli
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()

"""`python -m bywords` is the same as `bywords`."""

import sys


def main() -> None:
    """Run the command line. Ctrl-C while it is imported ends it as at any other time."""
    try:
        from bywords.cli import main as cli
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()

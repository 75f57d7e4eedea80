"""`python -m bywords` is the same as `bywords`."""

from bywords.cli.main import main

main()

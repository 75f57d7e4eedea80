"""What all tests share."""

import os

# Before torch is imported: on a busy machine its threads would wait for each other by spinning, and small steps take 40
# times as long. The command line does the same.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hypothesis import settings

# The first example of a test may compile machine code, which takes seconds once.
settings.register_profile("bywords", deadline=None)
settings.load_profile("bywords")

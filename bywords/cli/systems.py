"""`bywords systems`: what there is to train."""

from __future__ import annotations

from bywords.cli.options import AsJson
from bywords.cli.screen import print_json, say


def systems(as_json: AsJson = False) -> None:
    """List the systems that train and compare know, and what each is."""
    from bywords.config import to_plain
    from bywords.systems import SYSTEMS

    if as_json:
        print_json({name: to_plain(config) for name, config in SYSTEMS.items()})
        return
    width = max(map(len, SYSTEMS))
    for name, config in SYSTEMS.items():
        say(f"{name:{width}}  {config.description}")

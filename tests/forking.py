"""A call → what it returns in a forked child, which is killed where it hangs."""

import os
import pickle
import select
import signal
import traceback

from bywords import SettingError

SECONDS = 60  # after which a child hangs


def in_child(call):
    """What the call returns, or raises, in a forked child; a child that hangs is killed."""
    parent_end, child_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            result = call()
        except BaseException as error:  # it is the parent that shows it
            result = error if isinstance(error, SettingError) else RuntimeError(traceback.format_exc())
        with os.fdopen(child_end, "wb") as pipe:
            pickle.dump(result, pipe)
        os._exit(0)
    os.close(child_end)
    with os.fdopen(parent_end, "rb") as pipe:
        if not select.select([pipe], [], [], SECONDS)[
            0
        ]:  # an alarm would be a thread, at the end of which one may fork
            os.kill(child, signal.SIGKILL)
        pickled = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0, f"the child hung or ended by {status}"
    result = pickle.loads(pickled)
    if isinstance(result, Exception):
        raise result
    return result

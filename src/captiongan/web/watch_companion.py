"""The live view beside a training, as `train --watch` shows it.

The view is a process of its own. A thread would share the interpreter with the training step, and
an error in it could break the training. A process uses only spare CPU time, and at worst it ends.
"""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

from captiongan.base.commands import command
from captiongan.runs.run_folder import RunFolder

PORTS = range(8001, 8017)
"""The ports that `train --watch` tries: many trainings may run on one machine."""


@contextmanager
def live_view(run: RunFolder, say: Callable[[str], None]) -> Iterator[None]:
    """Serve the live view of a run as long as the block lasts.

    A view that cannot start is reported, and never stops the training.

    Args:
        run: the run to show.
        say: receives the address of the page, and what went wrong.
    """
    process = _start(run, say)
    try:
        yield
    finally:
        if process is not None:
            with suppress(OSError):
                process.communicate()  # closes its standard input, and so ends it
            say(f"look at it again with: {command('watch', run.path)}")


def _start(run: RunFolder, say: Callable[[str], None]) -> subprocess.Popen[bytes] | None:
    port = free_port()
    if port is None:
        say(
            f"no live view: ports {PORTS[0]} to {PORTS[-1]} are taken; the training continues, "
            f"watch it with: {command('watch', run.path, '--port', 0)}"
        )
        return None
    viewer = [sys.executable, "-m", "captiongan", "watch", str(run.path)]
    try:
        process = subprocess.Popen(
            [*viewer, "--port", str(port), "--while-stdin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the training, which saves first
        )
    except OSError as error:
        say(f"no live view ({error}); the training continues")
        return None
    say(f"live view: http://127.0.0.1:{port}")
    return process


def free_port() -> int | None:
    """Return the first of `PORTS` on which nobody listens on this machine, or None."""
    for port in PORTS:
        with suppress(OSError), closing(socket.create_server(("127.0.0.1", port))):
            return port
    return None

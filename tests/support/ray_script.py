"""Scripts that use Ray, each in a process of its own: starting Ray takes most of their time."""

import os
import subprocess
import sys


def on_ray(script: str, *arguments: object, **variables: str) -> list[str]:
    """Run a script with arguments and variables of its environment; return the lines it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"RAY_AUTH_MODE": "disabled"} | variables,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()

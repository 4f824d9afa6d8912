"""Run a command and report the peak memory of its largest process: ``python peak_memory.py COMMAND ...``.

The last line of the output is ``peak memory: N MB``. The exit code is the command's.
"""

import resource
import subprocess
import sys

if __name__ == "__main__":
    status = subprocess.call(sys.argv[1:])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    # Kilobytes on Linux, bytes on macOS.
    print(f"peak memory: {peak // (1024 if sys.platform != 'darwin' else 1024**2)} MB", flush=True)
    sys.exit(status)

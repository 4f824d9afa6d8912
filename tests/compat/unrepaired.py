"""The program that runs every provocation in a paddleseg which nobody repaired.

    python -m tests.compat.unrepaired OUTCOME.json

Each provocation runs in a process of its own. The file is ``{name of the repair: error, or null for none}``.
"""

import json
import signal
import sys
import zlib  # noqa: F401  Paddle 2.6.2 crashes scipy's import later on unless zlib was loaded before paddle.
from pathlib import Path

from tests.compat import test_data, test_losses, test_metrics, test_models, test_trainer  # noqa: F401  each registers
from tests.compat.provocation import PROVOCATIONS, met_alone

DEATHS = {number.name for number in signal.Signals}


def main() -> None:
    assert "paddleseg_ext" not in sys.modules, "A file of provocations imports paddleseg_ext, which repairs paddleseg."
    outcome = {name: met_alone(provoke) for name, provoke in PROVOCATIONS.items()}
    for name, happened in outcome.items():
        # Paddle 3.3.1 died of SIGFPE once somewhere in here, not again in a hundred runs. What dies twice is reported.
        if happened in DEATHS:
            outcome[name] = met_alone(PROVOCATIONS[name])
    Path(sys.argv[1]).write_text(json.dumps(outcome))


if __name__ == "__main__":
    main()

"""Another floor for a trained network's front-end. Run in a process of its own, as it loads TensorFlow.

Training looks further down than deployment needs to: what a network learns to ignore there does not hurt it, while the
rounding of a quiet recording to 16 bits, which lies there too, would move its answers.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import MonitorError
from trainer.architectures.frontend import FrontEnd
from trainer.network import read_network

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """NETWORK.keras RESULT.keras FLOOR: the floor in nepers of power, negative."""
    source, result, floor = Path(arguments[0]), Path(arguments[1]), float(arguments[2])
    try:
        network = read_network(source)
    except MonitorError as error:
        print(f"refloor: {error}", file=sys.stderr)
        return error.exit_code
    (front_end,) = (layer for layer in network.layers if isinstance(layer, FrontEnd))
    front_end.floor = floor
    network.save(result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Records what the peers make of every (peer, model, depth, stride), for the tests that run without them.

    PADDLESEG_EXT_PEERS_PYTHON=... python -m tests.golden.parity.record [DIR]

writes ``PEER_MODEL_DEPTH_osSTRIDE.npz``, here unless DIR says otherwise: the eval logits, and up to depth 50 the
training loss, the gradient norms and the norms of the running statistics after that batch, and at depth 18 the losses
of a few steps of SGD, all computed by the peer in float64. Weights and images are drawn from the seed; the networks
have a quarter of the published width, which leaves every connection as it is.
"""

import itertools
import json
import sys
import zlib
from pathlib import Path

import numpy as np

from paddleseg_ext import cli
from paddleseg_ext.parity.our_side import MODELS, STEPS, default_settings
from paddleseg_ext.parity.peer_process import PEER_SIDE, PeerProcess, find_python
from paddleseg_ext.parity.peer_side.draw import draw_batch

FOLDER = Path(__file__).parent
BATCHES = ("batch", "training_batch")


def cases():
    """``{name: settings}``."""
    found = {}
    for peer, model, depth, stride in itertools.product(("ssseg", "mmseg"), MODELS, (18, 50, 101), (8, 16)):
        steps = {18: [*STEPS[2:], "forward"], 50: ["forward", "loss", "backward"], 101: ["forward"]}[depth]
        found[f"{peer}_{model}_{depth}_os{stride}"] = default_settings(
            peer=peer,
            model=model,
            depth=depth,
            output_stride=stride,
            # Features of 9 x 13 at stride 8 and of 4 x 6 at stride 16: what is resized, padded and aligned, and how,
            # goes by whether sides are odd or even.
            size=[65, 97] if stride == 8 else [64, 96],
            # Covers all of either, shrunk.
            mask_size=[9, 13],
            base_channels=16,
            num_classes=7,
            iterations=3,
            # The third step has the first one's batch again, whose loss has fallen by then.
            training_batches=2,
            dtypes=["float64"],
            steps=steps,
        )
    return found


def batch_checksums(settings):
    """CRC-32 of the images and labels of the two batches."""
    arrays = [
        draw_batch(settings["seed"], settings[each], settings["size"], settings["num_classes"]) for each in BATCHES
    ]
    return [zlib.crc32(array.tobytes()) for batch in arrays for array in batch]


def summary(answer, dtype):
    """What is kept of an answer: arrays by name, the norms in the order of the peer's names."""
    of = {entry.split("/", 1)[1]: answer[entry] for entry in answer if entry.startswith(f"{dtype}/")}
    kept = {"logits": of["forward/logits"].astype("float32")}
    if "loss/total" in of:
        after = {name[9:]: value for name, value in sorted(of.items()) if name.startswith("backward/")}
        kept["loss"] = of["loss/total"]
        kept["gradient_norms"] = np.array([after[name] for name in after if name.startswith("gradient_norm.")])
        kept["statistics"] = np.array(
            [np.linalg.norm(value) for name, value in after.items() if not name.startswith("gradient_norm.")]
        )
    if "train/losses" in of:
        kept["losses"] = of["train/losses"]
    return kept


def main(arguments):
    """Record every case into the folder that the command line names."""
    folder = Path(arguments[0]) if arguments else FOLDER
    with PeerProcess(find_python(), PEER_SIDE / "protocol.py") as peer:
        for name, settings in cases().items():
            answer = peer(settings)
            info = {"settings": settings, "weights": int(answer["checksum"]), "batches": batch_checksums(settings)}
            info = np.frombuffer(json.dumps(info).encode(), "uint8")
            np.savez_compressed(folder / f"{name}.npz", info=info, **summary(answer, "float64"))
            print(name, flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))

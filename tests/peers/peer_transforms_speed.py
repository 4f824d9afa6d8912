"""The peers' half of benchmarks/training_pipeline.py: prepares the image that a line of standard input names.

A line is JSON with ``peer``, ``row``, ``image``, ``label`` and ``seed``; the answer is the seconds it took.
"""

import json
import os
import sys
import time
import warnings

os.environ["OMP_NUM_THREADS"] = "1"
warnings.simplefilter("ignore")
# The answers go out through a copy of standard output, so that nothing the peers print gets between them.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

from peer_transforms_pipelines import Mmseg, Ssseg  # noqa: E402, I001  first: it imports bootstrap

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

cv2.setNumThreads(1)
torch.set_num_threads(1)
pipelines = {}
print("ready", file=answers, flush=True)
for line in sys.stdin:
    task = json.loads(line)
    key = task["peer"], task["row"]
    if key not in pipelines:
        pipelines[key] = {"mmseg": Mmseg, "ssseg": Ssseg}[task["peer"]](task["row"])
    np.random.seed(task["seed"])
    start = time.process_time()
    image, label = pipelines[key].read(task["image"], task["label"])
    seconds = time.process_time() - start
    assert image.is_contiguous() and label.shape[1:] == image.shape[2:]
    print(seconds, file=answers, flush=True)

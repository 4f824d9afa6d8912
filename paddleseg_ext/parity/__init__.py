"""A comparison of our models with the published PyTorch implementations, on the same weights and batches.

    python -m paddleseg_ext.parity --peer mmseg --model pspnet

Torch and Paddle never share a process. ``peer_side`` holds plain scripts for the peers' interpreter; they import torch,
numpy and the peers, but nothing of this package. ``peer_process`` runs them, ``our_side`` does the same work with our
models, ``limits`` judges the differences, ``files`` and ``report`` write them down.
"""

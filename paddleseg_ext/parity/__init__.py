"""Our models beside the published PyTorch implementations, on the same weights and the same batches.

    python -m paddleseg_ext.parity --peer mmseg --model pspnet

Torch and Paddle never share a process. ``peer_side`` is what runs in the peers' interpreter: plain scripts that import
torch, numpy and the peers, and nothing of this package. ``peer_process`` speaks with them, ``our_side`` does the same
work with our models, ``limits`` says how close the two must be, and ``report`` writes it down.
"""

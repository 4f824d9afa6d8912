"""Batch normalization over several cards."""

import paddle


def convert_sync_batchnorm(model: paddle.nn.Layer) -> paddle.nn.Layer:
    """Let batch norms take their statistics over all cards, as PaddleSeg does.

    A run of one process and a run on CPUs get the model back unchanged.
    """
    if paddle.distributed.ParallelEnv().nranks > 1 and paddle.get_device().startswith("gpu"):
        return paddle.nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return model

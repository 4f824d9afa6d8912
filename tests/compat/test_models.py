"""Models and backbones, each in a use that shows the fault of an unrepaired paddleseg."""

import tempfile
from types import SimpleNamespace

import numpy as np
import paddle
from paddleseg import models
from paddleseg.models import backbones
from paddleseg.models.backbones.hrformer import InterlacedPoolAttention
from paddleseg.models.decoupled_segnet import SqueezeBodyEdge
from paddleseg.models.dnlnet import DNLHead
from paddleseg.models.emanet import EMAHead
from paddleseg.models.isanet import ISAHead
from paddleseg.models.layers.ms_deformable_attention import MSDeformAttn
from paddleseg.models.layers.vit_adapter_layers import SpatialPriorModule
from paddleseg.models.maskformer import Transformer
from paddleseg.models.pointrend import PointHead
from paddleseg.models.sfnet import AlignedModule

from tests.compat.provocation import provocation


def export(network: paddle.nn.Layer, shape: tuple = (None, 3, None, None)) -> paddle.nn.Layer:
    """Saved for inputs of a shape, by default images of any size, and loaded again."""
    network.eval()
    spec = [paddle.static.InputSpec(list(shape), "float32")]
    with tempfile.TemporaryDirectory() as folder:
        paddle.jit.save(paddle.jit.to_static(network, input_spec=spec, full_graph=True), f"{folder}/network")
        loaded = paddle.jit.load(f"{folder}/network")
    loaded.eval()
    return loaded


@provocation
def test_auxiliary_head_width() -> None:
    heads = [
        ISAHead(2, [8, 16], 4, (8, 8), True),
        DNLHead(2, [8, 16], 2, True, "embedded_gaussian", 0.05),
        EMAHead(2, [8, 16], 8, 8, 4, 1, 0.1),
    ]
    assert [head.aux[0]._conv.weight.shape[1] for head in heads] == [8, 8, 8]
    update = {"num_classes": 2, "num_heads": 2, "feedforward_channels": 8, "in_channels": 8, "out_channels": 8}
    generate = {"head_layer": "FCNKernelHead", "num_classes": 2, "in_channels": 16, "channels": 8, "num_convs": 1}
    generate.update(concat_input=True, dropout_prob=0.1)
    network = models.KNet(
        2,
        SimpleNamespace(feat_channels=[2, 4, 8, 16]),
        [3],
        {**update, "num_mask_fcs": 1},
        generate,
        num_stages=1,
        channels=8,
        enable_auxiliary_loss=True,
    )
    assert network.aux_head.conv_bn_relu._conv.weight.shape[1] == 8


@provocation
def test_isanet_padding() -> None:
    head = ISAHead(2, [1024, 16], 4, (4, 4), False)
    head.eval()
    feature = paddle.to_tensor(np.random.RandomState(0).randn(1, 16, 6, 7).astype("float32"))
    expected = head([None, feature])[0].numpy()

    class Exported(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.head = head

        def forward(self, x):
            return self.head([None, x])[0]

    exported = export(Exported(), (None, 16, None, None))
    assert np.abs(exported(feature).numpy() - expected).max() < 1e-5


@provocation
def test_flow_type_promotion() -> None:
    aligned = AlignedModule(4, 4)
    assert aligned([paddle.ones([1, 4, 8, 8]), paddle.ones([1, 4, 4, 4])]).shape == [1, 4, 8, 8]
    body, edge = SqueezeBodyEdge(4)(paddle.ones([1, 4, 8, 8]))
    assert body.shape == edge.shape == [1, 4, 8, 8]


@provocation
def test_point_count() -> None:
    logits = paddle.to_tensor(np.random.RandomState(0).randn(2, 1, 16, 16).astype("float32"))
    head = SimpleNamespace(subdivision_num_points=paddle.to_tensor(5, dtype="int32"))
    indices, points = PointHead.get_points_test(head, logits, lambda logits: logits)
    assert indices.shape == [2, 5] and points.shape == [2, 5, 2]
    head.subdivision_num_points = paddle.to_tensor(1000, dtype="int32")
    assert PointHead.get_points_test(head, logits, lambda logits: logits)[0].shape == [2, 256]


@provocation
def test_backbone_without_weights() -> None:
    size = {"img_size": 32, "patch_size": 16, "embed_dim": 8, "depth": 1, "num_heads": 2}
    backbones.VisionTransformer(**size)
    backbones.CAE(**size)


@provocation
def test_sync_batch_norm_on_cpu() -> None:
    SpatialPriorModule(inplanes=2, embed_dim=4)(paddle.ones([1, 3, 64, 64]))
    network = models.UPerNetCAE.__new__(models.UPerNetCAE)
    paddle.nn.Layer.__init__(network)
    network._init_fpn(embed_dim=2, patch_size=16)
    assert network.fpn1(paddle.ones([1, 2, 2, 2])).shape == [1, 2, 8, 8]


@provocation
def test_upernet_cae_channels() -> None:
    network = models.UPerNetCAE.__new__(models.UPerNetCAE)
    paddle.nn.Layer.__init__(network)
    with tempfile.TemporaryDirectory() as folder:  # for its other fault: a weight file that it insists on
        paddle.save({}, f"{folder}/none.pdparams")
        weights = f"{folder}/none.pdparams"
        network.backbone = backbones.CAE(32, 16, embed_dim=4, depth=1, num_heads=2, pretrained=weights)
    network.backbone_indices = [0]
    network.norm = paddle.nn.Identity()
    network.fpn1 = network.fpn2 = network.fpn3 = network.fpn4 = paddle.nn.Conv2DTranspose(4, 2, 2, stride=2)
    network.decode_head = lambda features: features
    image = paddle.to_tensor(np.random.RandomState(0).randn(1, 3, 32, 32).astype("float32"))
    exported = export(network, (1, 3, 32, 32))
    (live,) = network(image)
    assert float((exported(image) - live).abs().max()) < 1e-5


@provocation
def test_mscan_channels() -> None:
    backbone = backbones.MSCAN(embed_dims=[4, 4, 4, 4], mlp_ratios=[1, 1, 1, 1], depths=[1, 1, 1, 1])
    exported = export(backbone)
    image = paddle.to_tensor(np.random.RandomState(0).randn(1, 3, 64, 96).astype("float32"))
    for live, saved in zip(backbone(image), exported(image)):
        assert live.shape == saved.shape and float((live - saved).abs().max()) < 1e-5


@provocation
def test_maskformer_batch() -> None:
    network = models.MaskFormer.__new__(models.MaskFormer)
    paddle.nn.Layer.__init__(network)
    network.sem_seg_postprocess_before_inference = False
    network.backbone = paddle.nn.AvgPool2D(4)
    network.seghead = lambda x: {"pred_masks": x, "pred_logits": x.flatten(2)[:, :, :3]}
    image = paddle.to_tensor(np.random.RandomState(0).randn(1, 3, 16, 24).astype("float32"))
    network.eval()
    (live,) = network(image)
    assert float((export(network)(image) - live).abs().max()) < 1e-5

    # The second half of the fault, reached only behind the first: without the repair this export never ends.
    transformer = Transformer(8, 2, 1, 1, 8, 0.0)
    transformer.eval()

    class Exported(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.transformer = transformer
            self.register_buffer("query", paddle.ones([5, 8]))

        def forward(self, x):
            return self.transformer(x, None, self.query, x)[0]

    feature = paddle.to_tensor(np.random.RandomState(0).randn(2, 8, 3, 4).astype("float32"))
    network = Exported()
    live = network(feature)
    assert float((export(network, (None, 8, None, None))(feature) - live).abs().max()) < 1e-5


@provocation
def test_hrformer_assertions() -> None:
    attention = InterlacedPoolAttention(8, 2, window_size=3)
    attention.eval()

    class Exported(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.attention = attention

        def forward(self, x):
            height, width = paddle.shape(x)[2:]
            return self.attention(x.flatten(2).transpose([0, 2, 1]), height, width)

    exported = export(Exported(), (None, 8, None, None))
    for height, width in ((6, 6), (7, 11)):
        feature = paddle.to_tensor(np.random.RandomState(0).randn(1, 8, height, width).astype("float32"))
        live = attention(feature.flatten(2).transpose([0, 2, 1]), height, width)
        assert float((exported(feature) - live).abs().max()) < 1e-5


@provocation
def test_swin_dynamic_shape() -> None:
    size = {"embed_dim": 4, "depths": [2, 2], "num_heads": [1, 2], "window_size": 3, "out_indices": (0, 1)}
    backbone = backbones.SwinTransformer(**size)
    backbone.eval()

    class Exported(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = backbone

        def forward(self, x):
            return list(self.backbone(x))

    exported = export(Exported())
    for height, width in ((24, 24), (30, 45)):
        image = paddle.to_tensor(np.random.RandomState(0).randn(1, 3, height, width).astype("float32"))
        for live, saved in zip(backbone(image), exported(image)):
            assert live.shape == saved.shape and float((live - saved).abs().max()) < 1e-5


@provocation
def test_deformable_attention() -> None:
    layer = MSDeformAttn(d_model=8, n_levels=2, n_heads=2, n_points=3)
    shapes = paddle.to_tensor([[4, 6], [2, 3]])
    query = paddle.to_tensor(np.random.RandomState(0).randn(2, 5, 8).astype("float32"), stop_gradient=False)
    points = paddle.full([2, 5, 2, 2], 0.5)
    output = layer(query, points, paddle.ones([2, 30, 8]), shapes, paddle.to_tensor([0, 24]))
    assert output.shape == [2, 5, 8]
    output.sum().backward()
    assert np.isfinite(query.grad.numpy()).all()


@provocation
def test_espnet_classes() -> None:
    network = models.ESPNetV1(num_classes=5)
    assert network(paddle.ones([1, 3, 32, 32]))[0].shape == [1, 5, 32, 32]

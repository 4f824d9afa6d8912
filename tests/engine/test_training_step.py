"""One step: losses of the outputs, an update by their sum, the schedule after it."""

import numpy as np
import paddle
import pytest
from paddle.optimizer.lr import PolynomialDecay, ReduceOnPlateau

from paddleseg_ext.engine.training_step import TrainingStep
from paddleseg_ext.errors import UserError


class Brightness(paddle.nn.Layer):
    """Logits that are an image times one weight; as many outputs as asked for."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.weight = self.create_parameter([1], default_initializer=paddle.nn.initializer.Constant(2.0))
        self.outputs, self.seen = outputs, []

    def forward(self, images):
        self.seen.append(list(images.shape))
        return [images * self.weight * (1 + number) for number in range(self.outputs)]


def mean_logit(logits, labels):
    return logits.mean() + 0 * labels.astype("float32").mean()


def batch() -> dict:
    return {"img": paddle.full([2, 3, 4, 6], 0.5), "label": paddle.zeros([2, 4, 6], "int32")}


def step_of(model, rate=0.1, coefficients=(1.0,), **settings) -> TrainingStep:
    optimizer = paddle.optimizer.SGD(rate, parameters=model.parameters())
    losses = {"types": [mean_logit] * len(coefficients), "coef": list(coefficients)}
    return TrainingStep(model, optimizer, losses, **settings)


def test_the_loss_is_the_weighted_sum_of_its_parts():
    loss, parts = step_of(Brightness(2), coefficients=(1.0, 0.4)).losses(batch())
    # Outputs have mean 1 and 2.
    assert [float(part) for part in parts] == pytest.approx([1.0, 0.8])
    assert float(loss) == pytest.approx(1.8)


def test_update_follows_the_gradient_and_leaves_none_behind():
    model = Brightness()
    step = step_of(model)
    for expected in (1.95, 1.90):
        loss, _ = step.losses(batch())
        assert step.update(loss) == pytest.approx(0.1)
        assert float(model.weight) == pytest.approx(expected)
        assert model.weight.grad is None or float(model.weight.grad) == 0


def test_the_schedule_advances_after_the_update():
    model = Brightness()
    step = step_of(model, rate=PolynomialDecay(0.1, decay_steps=2, end_lr=0.0, power=1.0))
    rates = [step.update(step.losses(batch())[0]) for _ in range(3)]
    assert rates == pytest.approx([0.1, 0.05, 0.0])
    # The gradient is 0.5, and each step used the rate that it returned.
    assert float(model.weight) == pytest.approx(2 - 0.5 * sum(rates))


def test_a_schedule_that_watches_the_loss_gets_it():
    step = step_of(Brightness(), rate=ReduceOnPlateau(0.1, factor=0.5, patience=0, threshold=100.0))
    assert [step.update(step.losses(batch())[0]) for _ in range(3)] == pytest.approx([0.1, 0.1, 0.05])


def test_more_outputs_than_coefficients():
    with pytest.raises(UserError, match=r"returns 3 outputs in training and loss\.coef has 2; give as many"):
        step_of(Brightness(3), coefficients=(1.0, 0.4)).losses(batch())


def test_channels_last_where_the_model_wants_it():
    model = Brightness()
    model.data_format = "NHWC"
    step_of(model).losses(batch())
    assert model.seen == [[2, 4, 6, 3]]


def test_a_model_may_have_a_loss_of_its_own():
    class Own(Brightness):
        def loss_computation(self, logits_list, losses, data):
            assert set(data) == {"img", "label"} and losses["coef"] == [1.0]
            return [logits_list[0].mean(), logits_list[0].mean() * 3]

    loss, parts = step_of(Own()).losses(batch())
    assert [float(part) for part in parts] == [1.0, 3.0] and float(loss) == 4.0


class BCELoss(paddle.nn.Layer):
    """PaddleSeg knows a loss at edges by this name."""

    edge_label = True

    def forward(self, logits, edges):
        return (logits * edges.astype("float32").unsqueeze(1)).sum()


def test_the_edge_reaches_the_losses():
    model = Brightness()
    optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())
    step = TrainingStep(model, optimizer, {"types": [BCELoss()], "coef": [0.5]})
    edge = np.zeros((2, 4, 6), np.int32)
    edge[0, 0, :2] = 1
    # Two pixels of three channels, where every logit is 1.
    assert float(step.losses({**batch(), "edge": paddle.to_tensor(edge)})[0]) == pytest.approx(0.5 * 6)


@pytest.mark.parametrize("amp_level", ["O1", "O2"])
def test_mixed_precision_updates_as_full_precision_does(amp_level):
    step = step_of(Brightness(), precision="fp16", amp_level=amp_level)
    step.update(step.losses(batch())[0])
    assert float(step.model.weight.astype("float32")) == pytest.approx(1.95, abs=1e-2)


def test_mixed_precision_scales_the_loss_and_continues_its_scale(monkeypatch):
    """Paddle's own scaler does nothing without a GPU."""

    class Scaler:
        def __init__(self, init_loss_scaling):
            self.factor = init_loss_scaling

        def load_state_dict(self, state):
            self.factor = state["scale"]

        def scale(self, loss):
            return loss * self.factor

        def minimize(self, optimizer, scaled):
            self.scaled = float(scaled)

    monkeypatch.setattr(paddle.amp, "GradScaler", Scaler)
    for state, factor in [(None, 1024), ({}, 1024), ({"scale": 64}, 64)]:
        step = step_of(Brightness(), precision="fp16", scaler_state=state)
        step.update(step.losses(batch())[0])
        assert step.scaler.scaled == pytest.approx(factor)
    assert step_of(Brightness()).scaler is None


def test_a_static_graph_gives_the_same_loss():
    weights = []
    for to_static in (False, True):
        step = step_of(Brightness(), to_static=to_static)
        step.update(step.losses(batch())[0])
        weights.append(float(step.model.weight))
    assert weights[0] == weights[1] == pytest.approx(1.95)

"""Named modules: how their outputs are seen, laid out and made rows, against plain torch."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
from torch import nn  # noqa: E402

from pyalign.extraction._module import encoder_of  # noqa: E402
from pyalign.extraction.encoder import Request  # noqa: E402
from pyalign.extraction.layers import Tokens, find_layout, find_shapes  # noqa: E402

SIZE = (3, 8, 8)
BATCH = torch.randn(4, *SIZE, generator=torch.Generator().manual_seed(0))


def encoder(module, **request):
    """An encoder of a module that takes (b, 3, 8, 8)."""
    return encoder_of(module, lambda image: None, name="test", request=Request(**request), size=SIZE)


def rows(module, *names, pool="auto", tokens=None, **request):
    """The rows of named layers."""
    found = encoder(module, **request)
    found.tokens = tokens or Tokens()
    return found.run(BATCH, found.resolve(names, pool))


class Net(nn.Module):
    """A module made of parts, called by a function."""

    def __init__(self, forward, **parts):
        super().__init__()
        torch.manual_seed(0)
        for name, make in parts.items():
            self.add_module(name, make() if not isinstance(make, nn.Module) else make)
        self.run = forward

    def forward(self, x):
        return self.run(self, x)


def sequence(x):
    """A batch of maps (b, 3, 8, 8) as tokens (b, 16, 12)."""
    return x.reshape(len(x), 16, 12)


# What comes after


@pytest.mark.parametrize("norm", [True, False])
def test_a_layer_before_a_relu_in_place_has_what_it_gave(norm):
    parts = [nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)] if norm else [nn.Conv2d(3, 5, 3)]
    net = nn.Sequential(*parts, nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(180, 2)).eval()
    with torch.inference_mode():
        before = net[: len(parts)](BATCH)
    name = str(len(parts) - 1)
    assert before.min() < 0
    (found,) = rows(net, name, pool="none")
    np.testing.assert_allclose(found, before, rtol=0, atol=1e-6)
    (found,) = rows(net, name)
    np.testing.assert_allclose(found, before.mean((2, 3)), rtol=0, atol=1e-6)


def test_rows_have_memory_of_their_own():
    net = Net(lambda net, x: net.last(net.first(x.flatten(1))), first=nn.Identity(), last=nn.Identity())
    batch = BATCH.clone()
    found = encoder(net)
    first, last = found.run(batch, found.resolve(["first", "logits"]))
    batch.zero_()
    assert not np.shares_memory(first, last)
    np.testing.assert_array_equal(first, BATCH.flatten(1))
    np.testing.assert_array_equal(last, BATCH.flatten(1))


def test_layers_in_one_pass_are_those_of_a_pass_each():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 6, 3), nn.Flatten(), nn.Linear(96, 5))
    names = ["0", "logits", "2", "penultimate", "1", "3"]
    together = rows(net, *names)
    for name, found in zip(names, together, strict=True):
        np.testing.assert_array_equal(found, rows(net, name)[0])


# What a module may return


def test_of_tuples_and_mappings_the_first_tensor_is_the_output():
    lstm = nn.LSTM(12, 7, batch_first=True)
    net = Net(lambda net, x: net.lstm(sequence(x))[0].mean(1), lstm=lstm)
    with torch.inference_mode():
        expected = lstm(sequence(BATCH))[0]
    np.testing.assert_allclose(rows(net, "lstm")[0], expected.mean(1), atol=1e-6)

    class Mapped(nn.Module):
        def forward(self, x):
            return {"other": x.flatten(1) * 0, "last_hidden_state": x.flatten(1)}

    net = Net(lambda net, x: net.part(x)["last_hidden_state"], part=Mapped)
    np.testing.assert_array_equal(rows(net, "part")[0], BATCH.flatten(1))


@pytest.mark.parametrize("batch_first", [True, False])
def test_the_axis_of_the_items_is_found_wherever_it_is(batch_first):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(12, 2, 16, batch_first=batch_first)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()

    def forward(net, x):
        y = sequence(x)
        return net.encoder(y).mean(1) if batch_first else net.encoder(y.transpose(0, 1)).mean(0)

    net = Net(forward, encoder=encoder)
    with torch.inference_mode():
        y = sequence(BATCH)
        expected = encoder(y) if batch_first else encoder(y.transpose(0, 1)).transpose(0, 1)
        first = encoder.layers[0](y) if batch_first else encoder.layers[0](y.transpose(0, 1)).transpose(0, 1)
    np.testing.assert_allclose(rows(net, "encoder")[0], expected.mean(1), atol=1e-5)
    np.testing.assert_allclose(rows(net, "encoder.layers.0", pool="none")[0], first, atol=1e-5)


def test_attention_returns_its_values_and_not_its_weights():
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(12, 2)

    def forward(net, x):
        y = sequence(x).transpose(0, 1)
        return net.attention(y, y, y)[0].mean(0)

    net = Net(forward, attention=attention)
    with torch.inference_mode():
        y = sequence(BATCH).transpose(0, 1)
        expected = attention(y, y, y)[0].mean(0)
    np.testing.assert_allclose(rows(net, "attention")[0], expected, atol=1e-6)


def test_channels_are_found_last_as_well():
    net = Net(
        lambda net, x: net.head(net.norm(x.permute(0, 2, 3, 1)).mean((1, 2))),
        norm=nn.LayerNorm(3),
        head=nn.Linear(3, 2),
    )
    with torch.inference_mode():
        expected = net.norm(BATCH.permute(0, 2, 3, 1))
    np.testing.assert_allclose(rows(net, "norm")[0], expected.mean((1, 2)), atol=1e-6)
    np.testing.assert_allclose(rows(net, "norm", pool="none")[0], expected.permute(0, 3, 1, 2), atol=1e-6)


def test_where_an_mlp_mixes_tokens_the_mean_is_still_over_tokens():
    net = Net(lambda net, x: net.mix(sequence(x).transpose(1, 2)).mean(2), mix=nn.Linear(16, 16))
    with torch.inference_mode():
        expected = net.mix(sequence(BATCH).transpose(1, 2)).mean(2)
    np.testing.assert_allclose(rows(net, "mix", tokens=Tokens(0, False, 16))[0], expected, atol=1e-6)


# Class, register and distillation tokens


def test_leading_tokens_are_no_patches():
    net = Net(lambda net, x: net.part(sequence(x))[:, 0], part=nn.Identity())
    y = sequence(BATCH)
    with_class = Tokens(3, True, 13)
    np.testing.assert_array_equal(rows(net, "part", tokens=with_class)[0], y[:, 0])
    np.testing.assert_array_equal(rows(net, "part", pool="cls", tokens=with_class)[0], y[:, 0])
    np.testing.assert_allclose(rows(net, "part", pool="mean", tokens=with_class)[0], y[:, 3:].mean(1), atol=1e-6)
    np.testing.assert_array_equal(rows(net, "part", pool="none", tokens=with_class)[0], y)
    registers = Tokens(3, False, 13)
    np.testing.assert_allclose(rows(net, "part", tokens=registers)[0], y[:, 3:].mean(1), atol=1e-6)
    before = Tokens(3, True, 16)  # a block that sees the patches alone
    np.testing.assert_allclose(rows(net, "part", tokens=before)[0], y.mean(1), atol=1e-6)


def test_without_a_class_token_pool_cls_says_so(message_of):
    net = Net(lambda net, x: net.part(sequence(x)).mean(1), part=nn.Identity())
    assert message_of(rows, net, "part", pool="cls") == (
        "pool cls needs a class token; layer 'part' has 16 tokens without a class token: "
        'pool="mean" or pool="flatten"'
    )


# What has no row for each item


def test_a_module_that_is_called_twice_or_never_is_refused(message_of):
    twice = Net(lambda net, x: net.part(net.part(x.flatten(1))), part=nn.Linear(192, 192))
    assert message_of(rows, twice, "part") == "layer 'part' must be called once in a pass; it is called 2 times"
    never = Net(lambda net, x: x.flatten(1), part=nn.Linear(192, 192))
    assert message_of(rows, never, "part") == "layer 'part' must be called once in a pass; it is not called"


def test_a_shared_module_answers_to_each_of_its_names(message_of):
    shared = nn.Linear(192, 5)
    once = Net(lambda net, x: net.a(x.flatten(1)), a=shared, b=shared)
    a, b = rows(once, "a", "b")
    np.testing.assert_array_equal(a, b)
    twice = Net(lambda net, x: net.a(x.flatten(1)) + net.b(x.flatten(1)), a=shared, b=shared)
    assert "called 2 times" in message_of(rows, twice, "b")


def test_windows_of_items_are_refused(message_of):
    net = Net(lambda net, x: net.attend(x.reshape(-1, 4, 12)).reshape(len(x), -1), attend=nn.Linear(12, 12))
    assert message_of(rows, net, "attend") == (
        "layer 'attend' must have a row for each item; of 2 items it returns shape (8, 4, 12)"
    )


def test_a_matrix_of_items_by_items_is_refused(message_of):
    net = Net(lambda net, x: net.part(x.flatten(1) @ x.flatten(1).T) @ x.flatten(1), part=nn.Identity())
    assert "must have a row for each item" in message_of(rows, net, "part")


def test_a_module_that_returns_no_tensor_is_refused(message_of):
    class Nothing(nn.Module):
        def forward(self, x):
            return None

    net = Net(lambda net, x: (net.part(x), x.flatten(1))[1], part=Nothing)
    assert message_of(rows, net, "part") == "layer 'part' must return a tensor; it returns none"


def test_a_misspelled_module_has_its_nearest_proposed(message_of):
    net = Net(lambda net, x: net.layer_one(x.flatten(1)), layer_one=nn.Linear(192, 5))
    assert message_of(rows, net, "layerOne").endswith("got 'layerOne'; did you mean 'layer_one'?")
    assert message_of(rows, net, "layer_on").endswith("did you mean 'layer_one'?")


# Precision and memory


@pytest.fixture(scope="module")
def timm():
    return pytest.importorskip("timm", reason="timm is not installed")


@pytest.mark.parametrize("name", ["test_vit", "tf_efficientnet_lite0"])
def test_bfloat16_gives_float32_rows_of_nearly_the_same_direction(timm, name):
    from pyalign.extraction.sources import load_encoder

    full, half = (load_encoder(f"timm:{name}", Request(seed=0, precision=one)) for one in ("fp32", "bf16"))
    batch = torch.rand(2, *full.size, generator=torch.Generator().manual_seed(1))
    inner = "blocks.2" if name == "test_vit" else "blocks.2.0"
    for layer in ("penultimate", inner):
        a, b = (one.run(batch, one.resolve([layer]))[0].astype(np.float64) for one in (full, half))
        assert half.run(batch, half.resolve([layer]))[0].dtype == np.float32
        cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        assert cosines.min() >= 0.9999
        assert not np.array_equal(a, b)


def test_channels_last_memory_changes_no_numbers(timm):
    from pyalign.extraction.sources import load_encoder

    found = load_encoder("timm:test_resnet", Request(seed=0))
    assert found._channels_last
    torch.manual_seed(0)
    plain = timm.create_model("test_resnet").eval()
    batch = torch.rand(2, *found.size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = plain(batch), plain.forward_features(batch)
    logits, layer = found.run(batch, found.resolve(["logits", "layer4"]))
    np.testing.assert_allclose(logits, expected[0], atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(layer, expected[1].mean((2, 3)), atol=1e-5, rtol=1e-5)
    (whole,) = found.run(batch, found.resolve(["layer4"], "flatten"))
    np.testing.assert_allclose(whole, expected[1].flatten(1), atol=1e-5, rtol=1e-5)


def test_a_network_with_convolutions_of_three_axes_keeps_its_memory():
    net = Net(
        lambda net, x: net.stem(x).flatten(1),
        stem=nn.Sequential(*[nn.Conv2d(3, 3, 1) for _ in range(8)]),
        deep=nn.Conv3d(1, 1, 3),
    )
    assert rows(net, "logits")[0].shape == (4, 192)


def test_all_that_is_listed_can_be_asked_for(timm):
    from pyalign.extraction.sources import load_encoder

    found = load_encoder("timm:test_vit", Request(seed=0))
    listed = found.listed()
    names = [name for name, _, _ in listed]
    assert names[:3] == ["penultimate", "logits", "intermediates.0"]
    assert "blocks.0.attn" in names
    batch = torch.rand(2, *found.size)
    arrays = found.run(batch, found.resolve(names, "none"))
    shapes = {name: tuple(map(int, shape.split(" x "))) for name, _, shape in listed}
    assert {name: array.shape[1:] for name, array in zip(names, arrays, strict=True)} == shapes


def test_images_of_two_shapes_are_refused(message_of):
    found = encoder(nn.Flatten())
    message = message_of(found.run, [torch.zeros(3, 8, 8), torch.zeros(3, 8, 9)], found.resolve(["logits"]))
    assert message == "the preprocessing must give one shape for all items; got (3, 8, 8) and (3, 8, 9)"


def test_a_layout_is_told_by_what_changes_with_the_items():
    net = nn.Sequential(nn.Flatten())
    shapes = find_shapes(lambda items: net(torch.zeros(items, *SIZE)), {"0": net[0]})
    found = find_layout("0", net[0], shapes["0"], Tokens())
    assert (found.batch, found.kind, found.shape) == (0, "rows", (192,))

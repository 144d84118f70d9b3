from __future__ import annotations

import pytest
import torch

from fakelocator_zoo import FakeLocator, FakeLocatorOutput


def arguments(attention: bool, batch: int = 2) -> tuple[torch.Tensor, ...]:
    images = torch.rand(batch, 3, 64, 96)
    return (images, torch.rand(batch, 1, 16, 24)) if attention else (images,)


def assert_same(first: FakeLocatorOutput, second: FakeLocatorOutput, atol: float = 1e-6) -> None:
    for one, other in zip(first, second, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, atol=atol, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize(("attention", "strict"), [(False, False), (True, False), (True, True)])
def test_export_with_dynamic_batch(tiny_model, attention, strict):
    batch = torch.export.Dim("batch", min=1, max=16)
    example = arguments(attention)
    program = torch.export.export(tiny_model, example, dynamic_shapes=tuple({0: batch} for _ in example), strict=strict)
    for size in (1, 2, 5):
        given = arguments(attention, size)
        assert_same(program.module()(*given), tiny_model(*given))


@torch.no_grad()
@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compile(tiny_model, backend):
    torch._dynamo.reset()
    compiled = torch.compile(tiny_model, backend=backend, fullgraph=True)
    tolerance = 1e-6 if backend == "eager" else 1e-4
    for attention in (False, True, False):
        given = arguments(attention)
        assert_same(compiled(*given), tiny_model(*given), tolerance)


@torch.no_grad()
@pytest.mark.parametrize("encoder", ["mit_b0", "tu-test_convnext"])
def test_export_of_other_hooks(encoder):
    model = FakeLocator(encoder, decoder_channels=(16, 8, 8)).eval()
    given = arguments(True)
    assert_same(torch.export.export(model, given, strict=False).module()(*given), model(*given), 1e-5)

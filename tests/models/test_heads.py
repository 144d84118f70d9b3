"""What the decision reads of a texture stem's logits, and what the map makes of them."""

import math

import numpy as np
import pytest
import torch

from fakelocator_zoo.models.heads import amount_of_area, band_means, painted_if_fake, texture_statistics


def area_mean(values: np.ndarray, side: int) -> np.ndarray:
    """(H, W) -> the same: the mean of what of a box around each place lies within."""
    half, (height, width) = side // 2, values.shape
    around = [
        [values[max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1] for x in range(width)]
        for y in range(height)
    ]
    return np.array([[box.mean() for box in row] for row in around])


def means_of_bands(values: np.ndarray, attention: np.ndarray) -> list[float]:
    """(H, W) -> the means over seven bands across the attention, from above to below."""

    def gaussian(weights: np.ndarray, middle: float, sigma: float) -> np.ndarray:
        at = np.arange(len(weights))
        mean = np.average(at, weights=weights)
        deviation = np.average((at - mean) ** 2, weights=weights) ** 0.5
        return np.exp(-(((at - mean) / deviation - middle) ** 2) / (2 * sigma**2))

    columns = gaussian(attention.sum(axis=0), 0, 0.8)
    bands = [np.outer(gaussian(attention.sum(axis=1), 0.5 * k, 0.3), columns) for k in range(-3, 4)]
    return [float(np.average(values, weights=band)) for band in bands]


def weighted_quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The least value up to which so large a share of the weight lies."""
    order = np.argsort(values, axis=None)
    reached = np.cumsum(weights.ravel()[order]) >= share * weights.sum()
    return float(values.ravel()[order][reached.argmax()])


def cells(values: np.ndarray) -> np.ndarray:
    """(H, W), multiples of 4 -> the means of its cells of 4 x 4 places."""
    height, width = values.shape
    return values.reshape(height // 4, 4, width // 4, 4).mean(axis=(1, 3))


def test_statistics_against_numpy() -> None:
    logits = torch.randn(2, 1, 24, 52) - 0.5
    attention = torch.rand(2, 1, 24, 52)
    expected = []
    for values, a in zip(logits[:, 0].double().numpy(), attention[:, 0].double().numpy(), strict=True):
        attended = values + np.log(4) * (a - 1)
        heights = [attended.max(), area_mean(attended, 21).max(), max(means_of_bands(values, a + 1e-4))]
        low, level, high = (weighted_quantile(cells(values), cells(1.05 - a), share) for share in (0.25, 0.5, 0.75))
        covered = weighted_quantile(cells(values), cells(a + 0.05), 0.5) + 0.7 * 5
        expected.append([max(np.mean(heights) - 0.7 * min(level, 0), covered), (high - low) / 1.349])
    np.testing.assert_allclose(texture_statistics(logits, attention, "prior").numpy(), expected, rtol=1e-5, atol=1e-5)


def test_without_attention_the_whole_image_is_looked_at() -> None:
    logits = torch.randn(2, 1, 5, 4) - 1
    torch.testing.assert_close(texture_statistics(logits), texture_statistics(logits, torch.ones(2, 1, 5, 4), "prior"))


def test_attention_of_another_size_is_fitted() -> None:
    logits = torch.randn(1, 1, 8, 6)
    small = torch.rand(1, 1, 4, 3)
    large = torch.nn.functional.interpolate(small, (8, 6), mode="bilinear")
    torch.testing.assert_close(texture_statistics(logits, small, "prior"), texture_statistics(logits, large, "prior"))


@pytest.mark.parametrize("mode", ["multiply", "residual", "prior"])
def test_what_lies_outside_the_parts_counts_less(mode) -> None:
    logits = torch.full((1, 1, 8, 8), -3.0)
    logits[..., :4, :4] = 2.0
    inside, outside = torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)
    inside[..., :4, :4], outside[..., :4, :4] = 1, 0
    there, elsewhere = (texture_statistics(logits, a, mode)[0] for a in (inside, outside))
    assert there[0] > elsewhere[0] + 1


def test_what_is_painted_outside_the_parts_is_not_their_level() -> None:
    """A blob of a tenth of the background: the contrast rises by what is seen there, and never falls."""
    face = torch.zeros(1, 1, 40, 40)
    face[..., 8:32, 8:32] = 1
    logits = torch.randn(1, 1, 40, 40, generator=torch.Generator().manual_seed(0)) * 0.1 - 6
    painted = logits.clone()
    painted[..., :8, :8] = 4.0
    before, after = (texture_statistics(each, face, "prior")[0] for each in (logits, painted))
    assert after[0] > before[0] + 1 and after[1] == pytest.approx(float(before[1]), abs=0.05)


def test_a_photo_whose_logits_are_all_higher_is_hardly_nearer_to_a_fake() -> None:
    logits = torch.randn(1, 1, 40, 40) * 0.3 - 8
    low, high = (texture_statistics(each)[0] for each in (logits, logits + 2))
    assert float(high[0] - low[0]) == pytest.approx(0.3 * 2, abs=1e-4)
    assert high[1] == pytest.approx(float(low[1]), abs=1e-4)


def test_an_image_that_is_painted_all_over_is_not_compared_with_itself() -> None:
    """Clearly in one half of the face, or faintly everywhere: either is a fake."""
    face = torch.zeros(1, 1, 40, 40)
    face[..., 8:32, 8:32] = 1
    photo = torch.full((1, 1, 40, 40), -4.0)
    part = photo.clone()
    part[..., 8:32, 8:20] = 0.0
    untouched, partly, whole = (texture_statistics(each, face, "prior")[0, 0] for each in (photo, part, photo + 3.0))
    assert whole > untouched + 2.5 and partly > untouched + 1
    painted = texture_statistics(torch.full((1, 1, 5, 5), 3.0))
    assert painted.tolist()[0] == pytest.approx([3 + 0.7 * 5, 0], abs=1e-3)


def test_statistics_of_a_constant() -> None:
    statistics = texture_statistics(torch.full((1, 1, 5, 5), -0.7)).tolist()[0]
    assert statistics == pytest.approx([-0.7 + 0.7 * 5, 0], abs=1e-3)
    assert not math.isnan(texture_statistics(torch.zeros(1, 1, 1, 1)).sum().item())


def test_bands_follow_the_face_from_above_to_below() -> None:
    """The eyes of a face at the right: its bands are there, however much of the image the rest is."""
    logits, face = torch.full((1, 1, 40, 80), -2.0), torch.zeros(1, 1, 40, 80)
    face[..., 8:32, 50:70] = 1
    logits[..., 12:16, 50:70] = 3.0
    bands = band_means(logits, face)[0]
    assert bands.argmax() == 1 and bands.max() > 0.5 and bands[4:].max() < -1.9
    assert band_means(logits, None).max() < 0, "across the whole image they are a small part"


def test_without_any_attention_bands_lie_across_the_image() -> None:
    logits = torch.randn(2, 1, 12, 9)
    torch.testing.assert_close(band_means(logits, torch.zeros(2, 1, 12, 9)), band_means(logits, None))


def test_in_a_fake_faint_traces_are_told_apart_as_clear_ones_are() -> None:
    torch.manual_seed(0)
    background = torch.randn(1, 1, 64, 64) - 6
    faint, clear = background.clone(), background.clone()
    faint[..., 16:32, 16:32] += 4.5
    clear[..., 16:32, 16:32] += 9
    painted = torch.sigmoid(torch.cat([faint, clear]))
    weighed = painted_if_fake(painted)
    assert painted[0, :, 16:32, 16:32].mean() < 0.3
    assert weighed[0, :, 16:32, 16:32].mean() > 1.5 * painted[0, :, 16:32, 16:32].mean()
    assert weighed[:, :, 40:, 40:].mean() < 0.05
    # Images of a batch do not see each other, and places keep their order.
    torch.testing.assert_close(painted_if_fake(painted[:1]), weighed[:1])
    ordered = weighed.flatten(1).gather(1, painted.flatten(1).argsort(dim=1))
    assert (ordered.diff() >= 0).all()


@pytest.mark.parametrize("logit", [2.0, 4.0, 8.0])
def test_an_image_that_is_painted_all_over_stays_so(logit: float) -> None:
    torch.manual_seed(0)
    painted = torch.sigmoid(logit + torch.randn(1, 1, 64, 64) / 2)
    assert painted_if_fake(painted).mean() > painted.mean() - 0.02


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (33, 8)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_and_tiny_maps_stay_within_bounds(size: tuple[int, int], value: float) -> None:
    weighed = painted_if_fake(torch.full((2, 1, *size), value))
    assert weighed.shape == (2, 1, *size)
    assert ((weighed >= 0) & (weighed <= 1)).all()
    assert (weighed - value).abs().max() < 0.25


def test_the_amount_of_an_area_is_shared_out_as_its_contrast_is() -> None:
    torch.manual_seed(0)
    images = torch.full((1, 3, 128, 128), 0.5)
    images[..., 64:] += 0.2 * torch.randn(128, 64)
    amounts = amount_of_area(torch.full((1, 1, 128, 128), 0.1), images)
    flat, busy = amounts[..., 16:48].mean(), amounts[..., 80:112].mean()
    assert busy > 1.3 * flat
    torch.testing.assert_close(amounts.mean(), torch.tensor(0.1), atol=0.02, rtol=0)

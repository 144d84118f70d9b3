"""Training crops from any indexed data set: images, frames or videos, with the true map of each fake."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from fakelocator_zoo.data.frames import read_frames, read_masks, shared_frames
from fakelocator_zoo.data.index import IndexedSample
from fakelocator_zoo.data.pairs import PairSample, crop_alike
from fakelocator_zoo.images import check_same_size
from fakelocator_zoo.transforms.fakeness_map import fakeness_map

_ATTEMPTS = 20


class IndexCrops(Dataset[PairSample]):
    """Random crops of a real and a fake image at native resolution; each fake crop holds fake pixels.

    The crops of a pair have one place and one frame. A fake without a partner is drawn with any real image. A file that
    cannot be read is named once in a warning, and another sample is drawn.

    Args:
        samples: of :meth:`DataIndex.select`; fakes, and reals too unless all fakes are pairs.
        size: side of a crop; smaller images are mirrored at their border to this size.
        length: crops an epoch.
        seed: crop ``i`` of epoch ``e`` depends on (seed, e, i) alone.
        frames_per_video: evenly spaced frames that are used of each video, the same of real, fake and mask.

    Raises:
        ValueError: where fakes, or the reals that they need, are missing.
    """

    def __init__(
        self, samples: Sequence[IndexedSample], size: int, length: int, *, seed: int = 0, frames_per_video: int = 8
    ) -> None:
        self.fakes = [sample for sample in samples if sample.fake is not None and sample.usable]
        self.reals = [sample for sample in samples if sample.fake is None and sample.real is not None]
        if not self.fakes:
            raise ValueError("no fakes whose true map is known: nothing to train on")
        if not self.reals and any(sample.real is None for sample in self.fakes):
            raise ValueError("fakes that are not paired need real images beside them, and there are none")
        self.size, self.length, self.seed, self.epoch = size, length, seed, 0
        self.frames_per_video = frames_per_video
        self._told: set[str] = set()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> PairSample:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        for _ in range(_ATTEMPTS):
            sample = self.fakes[rng.integers(len(self.fakes))]
            try:
                crops = self._paired(sample, rng) if sample.real is not None else self._unpaired(sample, rng)
            except (ValueError, OSError) as error:
                if str(error) not in self._told:
                    self._told.add(str(error))
                    warnings.warn(f"{error}; left out", stacklevel=2)
                continue
            real, fake, truth = (torch.from_numpy(np.ascontiguousarray(crop)) for crop in crops)
            return PairSample(real.permute(2, 0, 1).div(255), fake.permute(2, 0, 1).div(255), truth[None].float())
        raise ValueError(
            f"{_ATTEMPTS} samples in a row cannot be read, such as {sample.fake}; run: fakelocator data check"
        )

    def _paired(self, sample: IndexedSample, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        (real, fake), mask = self._read(sample, rng)
        truth = fakeness_map(real, fake)
        if mask is not None:
            # Compression changes every pixel a little; outside the mask nothing is fake.
            truth = truth * (mask > 0)
        if not truth.any():
            raise ValueError(f"a frame of {sample.fake} does not differ from {sample.real}")
        real, fake, truth = crop_alike([real, fake, truth], self.size, rng, around=_changed_pixel(truth, rng))
        return real, fake, truth

    def _unpaired(self, sample: IndexedSample, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        [fake], mask = self._read(sample, rng)
        truth = np.ones(fake.shape[:2], np.float32) if mask is None or sample.whole else mask
        fake, truth = crop_alike([fake, truth], self.size, rng, around=_changed_pixel(truth, rng))
        [real], _ = self._read(self.reals[rng.integers(len(self.reals))], rng)
        [real] = crop_alike([real], self.size, rng)
        return real, fake, truth

    def _read(self, sample: IndexedSample, rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray | None]:
        """Real and fake, as far as the sample has them, and the mask, all of the same random frame."""
        number = int(rng.choice(shared_frames(sample.files, self.frames_per_video)))
        paths = [path for path in (sample.real, sample.fake) if path is not None]
        images = [read_frames(path, [number])[0] for path in paths]
        mask = None if sample.mask is None else read_masks(sample.mask, [number])[0]
        others = images if mask is None else [*images, mask]
        for path, other in zip(sample.files, others, strict=True):
            check_same_size(images[0], paths[0], other, path)
        return images, mask


def _changed_pixel(truth: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """Row and column of one of the pixels that are changed at least half as much as the one changed most."""
    changed = np.flatnonzero(truth >= truth.max() / 2)
    row, column = divmod(int(changed[rng.integers(len(changed))]), truth.shape[1])
    return row, column

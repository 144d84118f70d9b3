"""The two heads: a map head with P(fake) and magnitude, a classification head with confidence pooling."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Initial bias of the two channels of the map head: a new model predicts P(fake) 0.12 and |real - fake| 0.05.
INITIAL_P_FAKE, INITIAL_MAGNITUDE = -2.0, -3.0
#: Stride at which the logits of P(fake) are averaged; a quarter of the sides keeps the average cheap.
AVERAGE_STRIDE = 4
#: Channels that the classification head pools.
EVIDENCE_CHANNELS = 64


class MapHead(nn.Module):
    """Decoder output (B, C, H, W) -> logits of P(fake) and magnitude, (B, 1, H, W) each.

    The logits of P(fake) are the sum of two paths: one reads the decoder, the other the texture branch alone. Training
    supervises the second by itself as well: what is to be seen within ten pixels holds for generators never seen.

    Args:
        in_channels: C.
        texture_channels: channels of the texture branch at stride 2; 0 for none.
        window: side in pixels of the box over which the logits of P(fake) are averaged, rounded to an odd multiple
            of 4; 0 leaves them as they are. Texture is evidence of an area, not of a pixel.
    """

    def __init__(self, in_channels: int, texture_channels: int, window: int) -> None:
        super().__init__()
        self.texture = None
        if texture_channels:
            hidden = texture_channels // 2
            self.texture = nn.Sequential(
                nn.Conv2d(texture_channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, 1, 1)
            )
        if window < 0:
            raise ValueError(f"map_window must be at least 0, got {window}")
        self.cells = 0 if window == 0 else 2 * (window // (2 * AVERAGE_STRIDE)) + 1
        self.conv = nn.Conv2d(in_channels, 2, 3, padding=1)

    def reset_bias(self) -> None:
        """Start with a nearly empty map."""
        with torch.no_grad():
            self.conv.bias.copy_(torch.tensor([INITIAL_P_FAKE, INITIAL_MAGNITUDE]))  # type: ignore[union-attr]

    def forward(self, decoded: Tensor, texture: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Logits of P(fake), magnitude, and what the texture branch adds to the logits before they are averaged."""
        logits, magnitude = self.conv(decoded).split(1, dim=1)
        fine = None
        if self.texture is not None and texture is not None:
            fine = F.interpolate(self.texture(texture), size=logits.shape[-2:], mode="bilinear", align_corners=False)
            logits = logits + fine
        return self.average(logits), torch.sigmoid(magnitude), fine

    def average(self, logits: Tensor) -> Tensor:
        """Logits (B, 1, H, W) averaged over the window."""
        if not self.cells:
            return logits
        coarse = F.avg_pool2d(logits, AVERAGE_STRIDE, ceil_mode=True)
        coarse = F.avg_pool2d(coarse, self.cells, stride=1, padding=self.cells // 2, count_include_pad=False)
        return F.interpolate(coarse, size=logits.shape[-2:], mode="bilinear", align_corners=False)


class ClassificationHead(nn.Module):
    """The real/fake decision: the odds of "fake" are the odds of a fake region plus those of a fake image.

    A region shows in P(fake): its logits enter as their mean and as their mean weighted by the odds of "fake", which
    follows the clearest area. An entirely synthesised image shows in the encoder's features, the evidence,
    pooled by a learned confidence map as in TruFor (Guillaro et al., CVPR 2023). One linear layer reads each.

    Args:
        in_channels: channels of the deepest encoder feature.
        stride: of that feature.
        dropout: on the pooled evidence.
    """

    def __init__(self, in_channels: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.stride = stride
        self.evidence = nn.Sequential(
            nn.Conv2d(in_channels, EVIDENCE_CHANNELS, 1, bias=False),
            nn.BatchNorm2d(EVIDENCE_CHANNELS),
            nn.ReLU(inplace=True),
        )
        self.confidence = nn.Conv2d(EVIDENCE_CHANNELS, 1, 1)
        self.dropout = nn.Dropout(dropout)
        self.region = nn.Linear(2, 1)
        self.image = nn.Linear(EVIDENCE_CHANNELS, 1)

    def maps(self, feature: Tensor) -> tuple[Tensor, Tensor]:
        """The deepest feature (B, C, h, w) -> evidence (B, E, h, w) and the logits of its weights (B, 1, h, w)."""
        evidence = self.evidence(feature)
        return evidence, self.confidence(evidence)

    def pool(self, evidence: Tensor, confidence: Tensor) -> Tensor:
        """Evidence (B, E, h, w) averaged by its confidence: (B, E)."""
        weight = confidence.flatten(2).softmax(dim=2)
        return (evidence.flatten(2) * weight).sum(dim=2)

    def forward(self, evidence: Tensor, confidence: Tensor, p_fake_logits: Tensor) -> Tensor:
        """Logits (B, 2), real and fake, of the maps of :class:`DenseOutput`."""
        return self.decide(evidence, confidence, F.avg_pool2d(p_fake_logits, self.stride, ceil_mode=True))

    def decide(self, evidence: Tensor, confidence: Tensor, p_fake_logits: Tensor) -> Tensor:
        """:meth:`forward` where the logits of P(fake) are averaged over the stride already, (B, 1, h, w)."""
        return self.sum_odds(self.log_odds(evidence, confidence, p_fake_logits))

    @staticmethod
    def sum_odds(log_odds: Tensor) -> Tensor:
        """Log-odds (B, 2) of two kinds of fake -> logits (B, 2), real and fake."""
        fake = log_odds.logsumexp(dim=1, keepdim=True)
        return torch.cat([torch.zeros_like(fake), fake], dim=1)

    def log_odds(self, evidence: Tensor, confidence: Tensor, p_fake_logits: Tensor) -> Tensor:
        """Log-odds (B, 2) of a fake region and of an entirely synthesised image; arguments as for :meth:`decide`."""
        places = p_fake_logits.flatten(1)
        clearest = (places * places.softmax(dim=1)).sum(dim=1, keepdim=True)
        region = self.region(torch.cat([places.mean(dim=1, keepdim=True), clearest], dim=1))
        return torch.cat([region, self.image(self.dropout(self.pool(evidence, confidence)))], dim=1)

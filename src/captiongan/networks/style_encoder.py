"""S(x): from a picture back to the noise it was drawn with (Reed et al. 2016, section 4.4)."""

from itertools import pairwise

from torch import Tensor, nn

from captiongan.networks.layers import SLOPE, halve, init_weights, stage_widths


class StyleEncoder(nn.Module):
    """Estimate the noise z of a picture: what the text does not say.

    The convolutions are those of the DCGAN discriminator, from 64 x 64 pictures to 8F x 4 x 4; one
    linear layer maps that to z.

    Args:
        resolution: side of the pictures, a power of two from 8 up.
        features: channels F of the first stage.
        noise_dim: length of z.
    """

    def __init__(self, resolution: int, features: int, noise_dim: int) -> None:
        super().__init__()
        widths = stage_widths(resolution, features)
        self.layers = nn.Sequential(
            nn.Conv2d(3, widths[0], kernel_size=4, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            *(halve(narrow, wide) for narrow, wide in pairwise(widths)),
            nn.Flatten(),
            nn.Linear(16 * widths[-1], noise_dim),
        )
        self.apply(init_weights)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the noise (B, noise_dim) of pictures as bundles draw them: (B, H, W, 3) uint8."""
        noise: Tensor = self.layers(pictures.permute(0, 3, 1, 2).float() / 127.5 - 1)
        return noise

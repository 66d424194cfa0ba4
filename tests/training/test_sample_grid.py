from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from captiongan.draw.sheet import GAP
from captiongan.networks.dcgan import Generator
from captiongan.training.sample_grid import COLUMNS, SampleGrid
from support.tiny_run import tiny_data

SIDE = 16


class PaintsItsInputs(nn.Module):
    """One plain colour a picture: red follows the noise, green the text."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, noise: Tensor, embedding: Tensor) -> Tensor:
        colours = torch.stack([noise[:, 0], 10 * embedding[:, 0], 0 * noise[:, 0]], dim=1).tanh()
        return colours[:, :, None, None].expand(-1, -1, SIDE, SIDE)


def test_a_row_is_the_real_picture_and_then_one_caption_with_the_noise_of_each_column() -> None:
    data = tiny_data()
    grid = SampleGrid(data)
    assert data.config.data.resolution == SIDE
    sheet = np.asarray(grid.sheet(grid.draw(cast(Generator, PaintsItsInputs()))))
    step = SIDE + GAP
    cells = [
        [sheet[y : y + SIDE, x : x + SIDE] for x in range(GAP, sheet.shape[1] - SIDE, step)]
        for y in range(GAP, sheet.shape[0] - SIDE, step)
    ]
    assert [len(row) for row in cells] == [1 + COLUMNS] * len(grid.captions)
    real = {data.centre([number]).tobytes() for number in range(len(data.store.examples))}
    assert all(row[0].tobytes() in real for row in cells)
    drawn = np.array([[cell[0, 0] for cell in row[1:]] for row in cells])
    assert (drawn[..., 0] == drawn[:1, :, 0]).all()  # a column, one noise
    assert (drawn[..., 1] == drawn[:, :1, 1]).all()  # a row, one text
    assert len(np.unique(drawn[0, :, 0])) > 1
    assert len(np.unique(drawn[:, 0, 1])) > 1


def test_the_grid_is_the_same_all_through_a_run() -> None:
    network = cast(Generator, PaintsItsInputs())
    first, again = (SampleGrid(tiny_data()) for _ in range(2))
    assert first.captions == again.captions
    assert first.draw(network).tobytes() == again.draw(network).tobytes()

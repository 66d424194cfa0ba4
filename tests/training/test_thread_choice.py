"""A training computes with the threads that are faster now, and a resumed one with its own."""

from dataclasses import replace

import pytest
import torch
from rich.console import Console

from captiongan.training import thread_choice
from captiongan.training.thread_choice import use_threads
from captiongan.training.trainer import Trainer
from support.tiny_run import CONFIG, copied, equal, tiny_trainer

CONSOLE = Console(quiet=True)


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three cores, on which a step takes as many seconds as it has threads; nothing is set."""
    threads = [3]
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads[-1])
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    monkeypatch.setattr(thread_choice, "threads", lambda: 3)
    monkeypatch.setattr(thread_choice, "threads_wanted", lambda: 0)
    monkeypatch.setattr(thread_choice, "_seconds", lambda _, number: float(number))


def used(trainer: Trainer, resumed: bool = False) -> int:
    """Let a trainer choose; return the number, which must also be the recorded one."""
    recorded = use_threads(trainer, CONSOLE, resumed).config.training.threads
    assert recorded == torch.get_num_threads()
    return recorded


@pytest.mark.parametrize("sign, fastest", [(1.0, 1), (-1.0, 3)])
def test_a_new_run_takes_one_thread_or_all_whichever_is_faster_and_has_not_moved(
    sign: float, fastest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_choice, "_seconds", lambda _, number: 5 + sign * number)
    trainer = tiny_trainer()
    before = copied(trainer.state.generator.state_dict())
    assert used(trainer) == fastest
    assert trainer.state.step == 0
    assert equal(before, trainer.state.generator.state_dict())


def test_a_run_takes_the_number_that_it_is_given_or_began_with() -> None:
    given = replace(tiny_trainer(), config=CONFIG.with_threads(2))
    assert used(given) == 2
    assert used(given, resumed=True) == 2


def test_a_run_of_an_earlier_version_continues_with_all() -> None:
    assert used(tiny_trainer(), resumed=True) == 3


def test_omp_num_threads_is_not_questioned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_choice, "threads_wanted", lambda: 3)
    assert used(tiny_trainer()) == 3


def test_a_run_with_more_threads_than_this_process_may_use_keeps_its_number() -> None:
    began_elsewhere = replace(tiny_trainer(), config=CONFIG.with_threads(16))
    assert use_threads(began_elsewhere, CONSOLE, True).config.training.threads == 16
    assert torch.get_num_threads() == 3

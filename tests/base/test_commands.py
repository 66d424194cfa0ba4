"""Command lines that can be pasted."""

import shlex

from captiongan.base.commands import command


def test_a_shell_reads_the_words_that_were_given() -> None:
    assert command("train", "--resume", "runs/00000-dcgan") == (
        "captiongan train --resume runs/00000-dcgan"
    )
    words = ["export", "my runs/it's $HOME", "--out", "BUNDLE"]
    assert shlex.split(command(*words)) == ["captiongan", *words]

from captiongan.base.streams import Stream


def test_random_streams_keep_the_numbers_that_runs_were_trained_with() -> None:
    assert {stream.name: stream.value for stream in Stream} == {
        "ORDER": 1,
        "NOISE": 2,
        "GRID": 3,
        "SCORES": 4,
        "TEXT": 5,
        "STEP": 6,
        "LOOK": 7,
        "BINDING": 8,
    }

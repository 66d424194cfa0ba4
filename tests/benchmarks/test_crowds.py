from benchmarks.soak.crowds import ATTACKS, measure
from benchmarks.soak.garbage import PATIENCE


def test_an_honest_client_is_served_beside_every_crowd() -> None:
    waits = measure(0.5)
    assert list(waits) == ["none", *ATTACKS]
    assert max(map(max, waits.values())) < PATIENCE

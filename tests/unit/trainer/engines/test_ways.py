from steepest.trainer.engines.ways import MOST_THREADS, Way, threads_of_kernels, way
from steepest.trainer.network import Dense, Network


def network(*units: int, batch_norm: bool = False, inputs: int = 50) -> Network:
    layers = tuple(Dense(each, "relu", batch_norm=batch_norm) for each in units)
    return Network(inputs, layers, 10, "softmax", "categorical_crossentropy")


def test_small_networks_are_divided_among_threads() -> None:
    assert way(network(32), 32, nets=1, threads=2) == Way(1)
    assert way(network(32), 32, nets=5, threads=2) == Way(2)


def test_threads_are_divided_among_large_networks() -> None:
    assert way(network(800, 800), 128, nets=1, threads=2) == Way(2, team=True)
    assert way(network(800, 800), 128, nets=5, threads=2) == Way(2, team=True)


def test_tall_batches_are_divided_by_rows() -> None:
    assert way(network(256, 256), 1024, nets=1, threads=2).by_rows
    assert not way(network(256, 256), 1024, nets=1, threads=2, silenced=True).by_rows
    assert not way(network(256, 256, batch_norm=True), 1024, nets=1, threads=2).by_rows


def test_one_core_needs_no_team() -> None:
    assert way(network(800, 800), 128, nets=1, threads=1) == Way(1)


def test_a_larger_machine_helps_larger_steps_alone() -> None:
    assert threads_of_kernels(network(800, 800, inputs=784), 128, nets=1) == 3
    assert threads_of_kernels(network(256, 256), 256, nets=1) == 2
    assert threads_of_kernels(network(32), 32, nets=1) == 1


def test_a_stack_has_no_more_threads_than_it_can_use() -> None:
    assert threads_of_kernels(network(32), 32, nets=5) == 5
    assert threads_of_kernels(network(32), 32, nets=500) == MOST_THREADS
    assert threads_of_kernels(network(256, 256), 256, nets=500) == 2

"""Kernels as text, run by this machine's processor."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steepest.trainer import chunks
from steepest.trainer.arrays import Plan, run
from steepest.trainer.engines import cuda_source
from steepest.trainer.engines.cuda_source import EXPRESSIONS, elementwise, narrow
from steepest.trainer.engines.segments import Call, Elementwise, Product, Reduction, collapsed, largest, segments
from tests.unit.trainer.engines.cases import spec_of
from tests.unit.trainer.engines.processor import COMPILER, Processor
from tests.unit.trainer.engines.stand_in import DEVICE, Strict, address, bare_array
from tests.unit.trainer.engines.test_stand_in import outcome, trained

compiled = pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler here")

COMPOSED = ("all in one, double", "relu", "clip by norm")


@compiled
@pytest.mark.parametrize("name", COMPOSED)
def test_training_by_kernels_comes_to_what_numpy_comes_to(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "STEPS", 3)
    monkeypatch.setattr(DEVICE, "prepare", Processor(tmp_path).prepare)
    specs = [spec_of(name)]
    ours, theirs = outcome(trained(name, specs)), outcome(trained(name, specs, here=True))
    digits = 1e-9 if specs[0].precision == "float64" else 2e-4
    for one, other in zip(ours, theirs, strict=True):
        if isinstance(other, str) or other is None:
            assert one == other
        else:
            np.testing.assert_allclose(one, other, rtol=digits, atol=digits)


@compiled
def test_sums_of_any_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_source, "SHARE", 128)
    plan: Plan = ()
    found = []
    for length in (1, 63, 64, 65, 300, 1000):
        values = np.random.default_rng(0).standard_normal((3, 4, length)).astype(np.float32)
        for kind in ("last", "middle", "largest", "dot"):
            x, expected = _reduction(kind, values)
            out = Strict(np.zeros(expected.shape, np.float32))
            plan += _plan_of(kind, x, out)
            found.append((out, expected))
    run(Processor(tmp_path).prepare(plan))
    for out, expected in found:
        np.testing.assert_allclose(bare_array(out), expected, rtol=1e-5, atol=1e-5)


@compiled
@pytest.mark.parametrize(("dtype", "digits"), [("float32", 1e-6), ("float64", 1e-14)])
def test_narrow_products(dtype: str, digits: float, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    processor = Processor(tmp_path)
    for rows, length, columns in ((1, 1, 1), (3, 7, 33), (16, 70, 31)):
        W, a = rng.standard_normal((length, rows)).astype(dtype), rng.standard_normal((length, columns)).astype(dtype)
        there: list[Any] = [Strict(W).T, Strict(a), Strict(np.zeros((rows, columns), dtype))]
        product = Product(*there)
        out: Any = Strict(np.zeros((columns, rows), dtype))
        turned = Product(there[1].T, there[0].T, out)
        for each, expected in ((product, W.T @ a), (turned, a.T @ W)):
            few_rows = each.narrow
            assert few_rows is not None
            kernel = narrow(few_rows)
            processor.compile({kernel.source})
            processor.launch(kernel.source, kernel.blocks, kernel.threads, kernel.arrays)
            np.testing.assert_allclose(bare_array(each.out), expected, rtol=0, atol=digits * length)


@pytest.mark.parametrize(
    ("rows", "length", "columns", "count"), [(17, 9, 17, 1), (9, 1025, 9, 1), (9, 9, 1025, 1), (9, 9, 9, 2)]
)
def test_other_products_are_the_librarys(rows: int, length: int, columns: int, count: int) -> None:
    product = Product(_zeros(rows, length), _zeros(length, columns), _zeros(rows, columns), count)
    assert product.narrow is None


def test_operands_whose_neighbours_lie_apart_are_for_short_sums() -> None:
    assert Product(_zeros(9, 128), _zeros(33, 128).T, _zeros(9, 33)).narrow is not None
    assert Product(_zeros(9, 129), _zeros(33, 129).T, _zeros(9, 33)).narrow is None


@compiled
def test_what_is_not_a_number_stays_so(tmp_path: Path) -> None:
    odd: Any = Strict(np.array([np.nan, -np.inf, -0.0, 0.0, np.inf, 2.0]))
    bounds = {"maximum": (np.float64(1),), "minimum": (np.float64(1),), "clip": (np.float64(-1), np.float64(np.inf))}
    outs: dict[str, Any] = {}
    plan: Plan = ()
    for name in (*bounds, "sign", "absolute", "negative", "tanh"):
        outs[name] = Strict(np.zeros(6))
        plan += (partial(getattr(np, name), odd, *bounds.get(name, ()), outs[name]),)
    run(Processor(tmp_path).prepare(plan))
    for name, out in outs.items():
        np.testing.assert_array_equal(bare_array(out), getattr(np, name)(bare_array(odd), *bounds.get(name, ())), name)


def test_neighbours_of_one_shape_are_one_segment() -> None:
    a, b, c = (_zeros(3, 4) for _ in range(3))
    plan = (partial(np.add, a, b, c), partial(np.exp, c, c), partial(np.multiply, c, np.float32(2), a))
    (segment,) = segments(plan, EXPRESSIONS, address)
    assert isinstance(segment, Elementwise)
    assert [each.name for each in segment.operations] == ["add", "exp", "multiply"]
    assert len(segment.locations) == 3
    text = elementwise(segment).source
    assert text.count("p0[o0]") == 2  # read once, written once
    assert text.count("p2[o2]") == 1  # written before it is read


def test_axes_of_one_in_front_do_not_matter() -> None:
    a, b, one = _zeros(1, 3, 4), _zeros(1, 3, 4), _zeros(1, 1, 1)
    plan = (partial(np.exp, a, a), partial(np.add, a[0], b[0], b[0]), partial(np.add, b, one, b))
    assert len(segments(plan, EXPRESSIONS, address)) == 1
    assert len(segments((partial(np.exp, one, one), partial(np.exp, one[0, 0], one[0, 0])), EXPRESSIONS, address)) == 1


def test_elements_that_need_others_begin_a_segment() -> None:
    a, b = _zeros(4, 4), _zeros(4, 4)
    for plan in (
        (partial(np.exp, a, a), partial(np.add, b, a[0], b)),  # a row that another element has written
        (partial(np.exp, a, a), partial(np.add, b, a.T, b)),
        (partial(np.add, b, a[0], b), partial(np.exp, b, a)),  # a row that other elements still read
        (partial(np.exp, a[:3], a[:3]), partial(np.exp, a[1:], a[1:])),
    ):
        assert len(segments(plan, EXPRESSIONS, address)) == 2


def test_views_as_integers_are_the_same_numbers() -> None:
    a, mask, delta = _zeros(3, 4), Strict(np.zeros((3, 4), np.int32)), _zeros(3, 4)
    one = np.int32(1)
    plan = (
        partial(np.maximum, a, np.float32(0), a),
        partial(np.fmin, a.view(np.int32), one, mask),
        partial(np.multiply, delta.view(np.int32), mask, delta.view(np.int32)),
    )
    (segment,) = segments(plan, EXPRESSIONS, address)
    assert isinstance(segment, Elementwise)
    assert len(segment.locations) == 3
    assert "bits<int>(v0)" in elementwise(segment).source


def test_what_has_no_kernel_runs_as_it_is() -> None:
    a, b, c = _zeros(3, 3), _zeros(3, 3), _zeros(3, 3)
    plan = (partial(a.dot, b, c), partial(np.log, a, a), partial(np.add.reduce, a, 0, None, _zeros(1, 3), True))
    assert [type(each) for each in segments(plan, EXPRESSIONS, address)] == [Product, Call, Reduction]
    assert isinstance(segments((partial(a[:1].dot, b[:, :1], _zeros(1, 1)),), EXPRESSIONS, address)[0], Reduction)


def test_products_at_equal_distances_are_one_segment() -> None:
    W, a, z = _zeros(3, 4, 5), _zeros(3, 5, 6), _zeros(3, 4, 6)
    plan = [partial(W[net].dot, a[net], z[net]) for net in range(3)]
    (segment,) = segments(plan, EXPRESSIONS, address)
    assert isinstance(segment, Product)
    assert (segment.count, segment.strides) == (3, (80, 120, 96))
    shared = [partial(W[net].dot, a[0], z[net]) for net in range(3)]
    (segment,) = segments(shared, EXPRESSIONS, address)
    assert isinstance(segment, Product)
    assert segment.strides == (80, 0, 96)


def test_products_that_need_each_other_stay_apart() -> None:
    W, a = _zeros(2, 4, 4), _zeros(3, 4, 4)
    chain = [partial(W[0].dot, a[0], a[1]), partial(W[1].dot, a[1], a[2])]
    onto_one = [partial(W[0].dot, a[0], a[1]), partial(W[1].dot, a[0], a[1])]
    uneven = [partial(W[0].dot, a[0], a[1]), partial(W[0].dot, a[0].T, a[2])]
    for plan in (chain, onto_one, uneven):
        assert len(segments(plan, EXPRESSIONS, address)) == 2


def test_steps_that_differ_in_their_buffers_share_a_kernel() -> None:
    sources = set()
    for _ in range(2):
        a, b = _zeros(3, 4), _zeros(3, 4)
        (segment,) = segments((partial(np.add, a, b, b),), EXPRESSIONS, address)
        assert isinstance(segment, Elementwise)
        sources.add(elementwise(segment).source)
    assert len(sources) == 1


@pytest.mark.parametrize(
    ("shape", "strides", "lengths"),
    [
        ((2, 3, 4), [(48, 16, 4)], [24]),
        ((2, 3, 4), [(48, 16, 4), (0, 0, 0)], [24]),
        ((2, 3, 4), [(48, 16, 4), (16, 0, 4)], [2, 3, 4]),
        ((2, 3, 4), [(48, 16, 4), (0, 16, 4)], [2, 12]),
        ((1, 3, 1), [(4, 4, 4)], [3]),
        ((), [()], [1]),
    ],
)
def test_axes_are_as_few_as_will_do(shape: tuple[int, ...], strides: list[tuple[int, ...]], lengths: list[int]) -> None:
    assert collapsed(shape, strides)[0] == lengths


def _zeros(*shape: int) -> Any:
    return Strict(np.zeros(shape, np.float32))


def _reduction(kind: str, values: Any) -> tuple[Any, Any]:
    if kind == "last":
        return Strict(values), values.sum(-1, keepdims=True)
    if kind == "middle":
        return Strict(values.swapaxes(1, 2).copy()), values.swapaxes(1, 2).sum(1, keepdims=True)
    if kind == "largest":
        return Strict(values), values.max(-1, keepdims=True)
    return Strict(values[:, :1]), np.square(values[:, :1]).sum(-1, keepdims=True)


def _plan_of(kind: str, x: Any, out: Any) -> Plan:
    if kind == "largest":
        return (partial(largest, x, -1, out),)
    if kind == "dot":
        return (partial(np.matmul, x, x.reshape(x.shape[0], -1, 1), out),)
    return (partial(np.add.reduce, x, -1 if kind == "last" else 1, None, out, True),)

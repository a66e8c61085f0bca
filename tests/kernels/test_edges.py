"""The edges of the committed kernels, as a table: what goes in, what comes out."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from derive import kernels
from derive.kernels import log_softmax, logsumexp, softmax

INF, NAN = np.inf, np.nan
FLOATS = (np.float32, np.float64)


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """No warning, and no setting of NumPy left changed."""
    before = np.geterr(), np.getbufsize()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    assert (np.geterr(), np.getbufsize()) == before


EDGES = [  # name, logits, softmax, log_softmax, logsumexp
    ("masked entries", [-INF, 0.0, 0.0], [0.0, 0.5, 0.5], [-INF, -np.log(2), -np.log(2)], np.log(2)),
    ("one entry left", [-INF, 7.0, -INF], [0.0, 1.0, 0.0], [-INF, 0.0, -INF], 7.0),
    ("all masked", [-INF, -INF], [NAN, NAN], [NAN, NAN], -INF),
    ("infinite", [1.0, INF], [NAN, NAN], [-INF, NAN], INF),
    ("nan", [1.0, NAN, 2.0], [NAN, NAN, NAN], [NAN, NAN, NAN], NAN),
    ("one class", [5.0], [1.0], [0.0], 5.0),
    ("huge", [1e4, 1e4], [0.5, 0.5], [-np.log(2), -np.log(2)], 1e4 + np.log(2)),
    ("huge and negative", [-1e4, -1e4], [0.5, 0.5], [-np.log(2), -np.log(2)], -1e4 + np.log(2)),
    ("far apart", [0.0, 1e4, -1e4], [0.0, 1.0, 0.0], [-1e4, 0.0, -2e4], 1e4),
    ("largest float32", [3e38, -3e38, 3e38], [0.5, 0.0, 0.5], [-np.log(2), -INF, -np.log(2)], 3e38),
]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("name,z,p,logp,lse", EDGES, ids=[e[0] for e in EDGES])
def test_values(
    name: str, z: list[float], p: list[float], logp: list[float], lse: float, rows: int, dtype: Any
) -> None:
    if name == "largest float32" and dtype is np.float64:
        logp = [-np.log(2), -6e38, -np.log(2)]
    logits = np.tile(np.array(z, dtype), (rows, 1))
    tolerance = {"rtol": 4 * np.finfo(dtype).eps, "atol": 0}
    for value, expected in ((softmax(logits), p), (log_softmax(logits), logp), (logsumexp(logits), lse)):
        assert value.dtype == dtype
        np.testing.assert_allclose(value, np.broadcast_to(np.array(expected, dtype), value.shape), **tolerance)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [3, 40, 3000])
def test_a_bad_row_spoils_no_other(size: int, dtype: Any) -> None:
    z = np.random.default_rng(0).normal(size=(9, size)).astype(dtype)
    clean = softmax(z)
    z[2, 1], z[4, :], z[6, 2] = NAN, -INF, INF
    got = softmax(z)
    good = [0, 1, 3, 5, 7, 8]
    np.testing.assert_allclose(got[good], clean[good], rtol=40 * np.finfo(dtype).eps)
    assert np.isnan(got[[2, 4, 6]]).all()


def test_zero_rows_and_zero_classes() -> None:
    assert softmax(np.empty((0, 5))).shape == (0, 5)
    assert softmax(np.empty((4, 0))).shape == (4, 0)
    assert log_softmax(np.empty((4, 0))).shape == (4, 0)
    np.testing.assert_array_equal(logsumexp(np.empty((4, 0))), np.full(4, -INF))
    assert logsumexp(np.empty((0, 5))).shape == (0,)
    assert kernels.softmax_jacobian(np.empty((2, 0))).shape == (2, 0, 0)


@pytest.mark.parametrize("logit", [3.0, 900.0, -2.0])
@pytest.mark.parametrize("given", [False, True])
def test_of_one_class_nothing_is_lost(logit: float, given: bool) -> None:
    out = (None, np.empty((4, 1))) if given else (None, None)
    loss, grad = kernels.mean_cross_entropy_labels_value_and_grad(np.full((4, 1), logit), np.zeros(4, int), out=out)
    assert loss == 0
    np.testing.assert_array_equal(grad, np.zeros((4, 1)))


def test_a_mean_of_nothing_is_nan() -> None:
    loss, grad = kernels.mean_cross_entropy_labels_value_and_grad(np.empty((0, 3)), np.empty(0, int))
    assert np.isnan(loss)
    assert grad.shape == (0, 3)


def test_a_single_number_has_no_axis() -> None:
    with pytest.raises(ValueError, match=r"softmax: z has shape \(\), expected \(\.\.\., N\)"):
        softmax(3.0)


@pytest.mark.parametrize("dtype", FLOATS)
def test_denormals(dtype: Any) -> None:
    tiny = np.finfo(dtype).smallest_subnormal
    np.testing.assert_allclose(softmax(np.array([tiny, -tiny, 0], dtype)), np.full(3, 1 / 3), rtol=1e-6)


@pytest.mark.parametrize("integer", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
def test_labels_of_every_integer_type(integer: Any) -> None:
    z = np.random.default_rng(1).normal(size=(6, 5))
    t = np.array([0, 4, 2, 2, 1, 3])
    want = kernels.cross_entropy_labels(z, t)
    np.testing.assert_allclose(kernels.cross_entropy_labels(z, t.astype(integer)), want, rtol=1e-14)
    want = kernels.mean_cross_entropy_labels_grad(z, t)
    np.testing.assert_allclose(kernels.mean_cross_entropy_labels_grad(z, t.astype(integer)), want, rtol=1e-14)


@pytest.mark.parametrize("bad", [[0, 5], [-1, 0]])
def test_labels_out_of_range(bad: list[int]) -> None:
    wrong = bad[1] if bad[1] else bad[0]
    with pytest.raises(ValueError, match=rf"cross_entropy_labels: c holds the label {wrong}, expected 0 to 4"):
        kernels.cross_entropy_labels(np.zeros((2, 5)), np.array(bad))
    with pytest.raises(ValueError, match="holds the label"):
        kernels.mean_cross_entropy_labels_value_and_grad(np.zeros((2, 5)), np.array(bad))


def test_labels_must_be_integers() -> None:
    with pytest.raises(TypeError, match=r"cross_entropy_labels: c has dtype float64, expected integer labels"):
        kernels.cross_entropy_labels(np.zeros((2, 5)), np.array([0.0, 1.0]))


def test_targets_that_do_not_sum_to_one() -> None:
    """The value is that of the formula; the gradient is the one proved for targets that sum to one."""
    z, y = np.array([[0.3, -1.0, 2.0]]), np.array([[0.2, 0.2, 0.2]])
    np.testing.assert_allclose(kernels.cross_entropy(z, y), -(y * np.log(softmax(z))).sum(-1), rtol=1e-14)
    np.testing.assert_allclose(kernels.cross_entropy_grad(z, y), softmax(z) - y, rtol=1e-14)


@pytest.mark.parametrize("size", [5, 70])
@pytest.mark.parametrize("change", ["fortran", "strided", "reversed", "big-endian", "read-only", "list", "broadcast"])
def test_any_memory(change: str, size: int) -> None:
    z = np.random.default_rng(2).normal(size=(8, size))
    given: Any = {
        "fortran": lambda: np.asfortranarray(z),
        "strided": lambda: np.repeat(z, 2, axis=1)[:, ::2],
        "reversed": lambda: z[::-1, ::-1].copy()[::-1, ::-1],
        "big-endian": lambda: z.astype(">f8"),
        "read-only": lambda: frozen(z),
        "list": lambda: z.tolist(),
        "broadcast": lambda: np.broadcast_to(z[0], (8, size)),
    }[change]()
    want = softmax(np.ascontiguousarray(given, dtype=float))
    got = softmax(given)
    assert got.dtype == np.dtype(float) and got.dtype.isnative
    np.testing.assert_allclose(got, want, rtol=1e-14)
    np.testing.assert_allclose(log_softmax(given), np.log(want), rtol=1e-12)


def frozen(z: Any) -> Any:
    z = z.copy()
    z.flags.writeable = False
    return z


@pytest.mark.parametrize("size", [4, 33])
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_axis(axis: int, size: int) -> None:
    z = np.random.default_rng(3).normal(size=(size, size, size))
    e = np.exp(z)
    np.testing.assert_allclose(softmax(z, axis=axis), e / e.sum(axis=axis, keepdims=True), rtol=1e-13)
    np.testing.assert_allclose(logsumexp(z, axis=axis), np.log(e.sum(axis=axis)), rtol=1e-13)


def test_axis_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"softmax: axis 2 is out of range for z of shape \(2, 3\)"):
        softmax(np.zeros((2, 3)), axis=2)


@pytest.mark.parametrize("size", [6, 300])
def test_out(size: int) -> None:
    z = np.random.default_rng(4).normal(size=(5, size))
    want = softmax(z)
    out = np.empty_like(z)
    assert softmax(z, out=out) is out
    np.testing.assert_allclose(out, want, rtol=1e-14)
    strided = np.empty((5, 2 * size))[:, ::2]
    assert softmax(z, out=strided) is strided
    np.testing.assert_allclose(strided, want, rtol=1e-14)
    column = np.empty((size, 5)).T
    np.testing.assert_allclose(softmax(z, out=column), want, rtol=1e-14)
    alias = z.copy()
    assert softmax(alias, out=alias) is alias
    np.testing.assert_allclose(alias, want, rtol=1e-14)
    shifted = np.concatenate([z.ravel(), np.zeros(3)])
    overlapping = shifted[3:].reshape(z.shape)
    np.testing.assert_allclose(softmax(shifted[:-3].reshape(z.shape), out=overlapping), want, rtol=1e-14)
    for bad, message in (
        (np.empty((5, size + 1)), r"softmax: out has shape"),
        (np.empty((5, size), int), r"softmax: out has dtype int64, expected float64"),
        ([0.0], "softmax: out is list"),
        (frozen(np.empty((5, size))), "softmax: out is read-only"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            softmax(z, out=bad)


def test_types() -> None:
    z = [[1, 2, 3]]
    assert softmax(z).dtype == np.float64
    assert softmax(np.array(z, np.float16)).dtype == np.float16
    np.testing.assert_allclose(softmax(np.array(z, np.float16)), softmax(z), rtol=1e-3)
    assert softmax(np.array(z, np.longdouble)).dtype == np.longdouble
    assert softmax(np.array([[True, False]])).dtype == np.float64
    assert kernels.cross_entropy(np.array(z, np.float32), np.array([[0, 0, 1]])).dtype == np.float32
    for bad in (np.array([1j, 2]), np.array(["a", "b"]), np.array([object(), 1])):
        with pytest.raises(TypeError, match="softmax: z has dtype"):
            softmax(bad)


def test_subclasses_are_named() -> None:
    with pytest.raises(TypeError, match="softmax: z is a masked array"):
        softmax(np.ma.masked_less(np.zeros((2, 3)), 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matrix = np.matrix([[1.0, 2.0]])
    with pytest.raises(TypeError, match=r"softmax: z is a numpy\.matrix"):
        softmax(matrix)
    with pytest.raises(TypeError, match="softmax: z is not an array"):
        softmax([[1.0, 2.0], [3.0]])


def test_shapes_are_named() -> None:
    message = r"cross_entropy: y has shape \(2, 4\), expected \(\.\.\., C\) with C = 3 as in z"
    with pytest.raises(ValueError, match=message):
        kernels.cross_entropy(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="cross_entropy: the leading axes of"):
        kernels.cross_entropy(np.zeros((2, 3)), np.zeros((5, 3)))


def test_leading_axes_broadcast() -> None:
    rng = np.random.default_rng(5)
    z, y = rng.normal(size=(4, 1, 3)), rng.dirichlet(np.ones(3), size=(5,))
    got = kernels.cross_entropy(z, y)
    assert got.shape == (4, 5)
    np.testing.assert_allclose(got[2, 3], kernels.cross_entropy(z[2, 0], y[3]), rtol=1e-14)


@pytest.mark.parametrize("dtype", FLOATS)
def test_many_classes(dtype: Any) -> None:
    z = np.random.default_rng(6).normal(size=(3, 200_003)).astype(dtype)
    np.testing.assert_allclose(softmax(z).sum(axis=1, dtype=float), 1, rtol=1e-5)


def test_threads_agree_with_one_thread() -> None:
    z = np.random.default_rng(7).normal(size=(3000, 700))
    try:
        kernels.set_threads(1)
        one = softmax(z)
        kernels.set_threads(3)
        np.testing.assert_array_equal(softmax(z), one)
    finally:
        kernels.set_threads(0)


def test_calls_from_several_threads() -> None:
    rng = np.random.default_rng(8)
    inputs = [rng.normal(size=(50, 7 + k)) for k in range(6)]
    want = [softmax(z) for z in inputs]
    wrong: list[int] = []

    def run(k: int) -> None:
        for _ in range(50):
            if not np.array_equal(softmax(inputs[k]), want[k]):
                wrong.append(k)

    workers = [threading.Thread(target=run, args=(k,)) for k in range(6)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert not wrong


def test_strict_floating_point_settings_of_the_caller_do_not_matter() -> None:
    z = np.array([[-1e4, 0.0, 1e4], [-745.0, -INF, 0.0]])
    with np.errstate(all="raise"):
        assert np.isfinite(softmax(z)).all()
        log_softmax(z)
        logsumexp(z)


@pytest.mark.parametrize("how", ["raise", "warn"])
@pytest.mark.parametrize("size", [4, 40])
def test_the_settings_of_the_caller_are_his_again(how: Any, size: int) -> None:
    z = np.full((2, size), -1e4)
    z[:, 1] = 1e4
    with np.errstate(all=how):
        before = np.geterr()
        for call in (softmax, log_softmax, logsumexp):
            call(z)
        kernels.mean_cross_entropy_labels_value_and_grad(z, np.array([0, 1]))
        assert np.geterr() == before


def test_arithmetic_is_quiet_where_settings_are_not_part_of_a_context() -> None:
    from derive.kernels.runtime.short import Loud

    assert Loud().copy().run(np.log, np.zeros(1))[0] == -INF


@pytest.mark.parametrize("order", ["fortran", "transposed"])
def test_short_rows_in_any_order(order: str) -> None:
    z = np.random.default_rng(9).normal(size=(40, 6))
    given = np.asfortranarray(z) if order == "fortran" else np.ascontiguousarray(z.T).T
    t = np.arange(40) % 6
    want = kernels.mean_cross_entropy_labels_value_and_grad(z, t)
    got = kernels.mean_cross_entropy_labels_value_and_grad(given, t)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-13)
    np.testing.assert_allclose(got[1], want[1], rtol=1e-13)
    np.testing.assert_allclose(log_softmax(given), log_softmax(z), rtol=1e-13)

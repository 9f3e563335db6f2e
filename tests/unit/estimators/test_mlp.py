"""scikit-learn's own tests of its multi-layer perceptrons, with our classes in the place of its own.

The module is loaded once more under another name, while `sklearn.neural_network` holds our classes; what it then
defines as tests are tests here.
"""

import importlib.util
from types import ModuleType
from typing import Final

import pytest
import sklearn.neural_network
from sklearn.neural_network.tests import test_mlp

from steepest.sklearn import MLPClassifier, MLPRegressor

PRIVATE: Final = {
    "test_gradient": (
        "calls _loss_grad_lbfgs with buffers of scikit-learn's own; ours is checked the same way in"
        " tests/unit/trainer/test_gradients.py"
    ),
}
"""Tests of private internals, with the reason why each has no meaning here."""


def _with_ours() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sklearn_test_mlp_with_ours", test_mlp.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sklearn.neural_network, "MLPClassifier", MLPClassifier)
        patch.setattr(sklearn.neural_network, "MLPRegressor", MLPRegressor)
        spec.loader.exec_module(module)
    return module


_THEIRS: Final = _with_ours()
globals().update(
    {name: test for name, test in vars(_THEIRS).items() if name.startswith("test_") and name not in PRIVATE}
)

# scikit-learn runs them so, too: many of these networks stop long before they have converged.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(params=[0, 42])
def global_random_seed(request: pytest.FixtureRequest) -> int:
    """scikit-learn's `conftest.py` has it."""
    seed: int = request.param
    return seed


def test_it_is_ours_that_is_tested() -> None:
    assert (_THEIRS.MLPClassifier, _THEIRS.MLPRegressor) == (MLPClassifier, MLPRegressor)
    assert sklearn.neural_network.MLPClassifier is test_mlp.MLPClassifier is not MLPClassifier


def test_all_but_what_is_private_is_tested() -> None:
    theirs = {name for name in vars(test_mlp) if name.startswith("test_")}
    assert theirs - set(globals()) == set(PRIVATE)

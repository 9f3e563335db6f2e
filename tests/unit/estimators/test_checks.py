"""scikit-learn's checks of what calls itself an estimator; none is expected to fail."""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from steepest.sklearn import MLPClassifier, MLPRegressor

ESTIMATORS = [
    MLPClassifier(),
    MLPClassifier(solver="lbfgs", alpha=0.1),  # with less, one is so sure of a label that 1 - p is 1, theirs as ours
    MLPClassifier(layers=[{"units": 20, "activation": "gelu"}], optimizer="rmsprop"),
    MLPRegressor(),
    MLPRegressor(solver="lbfgs"),
    MLPRegressor(loss="huber"),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(ESTIMATORS)  # type: ignore[untyped-decorator]
def test_estimators(estimator: Any, check: Any) -> None:
    check(estimator)

"""scikit-learn's multi-layer perceptrons, trained by steepest: in process, or on a service.

They take scikit-learn's own arguments and have its attributes, so that code that uses `sklearn.neural_network` changes
nothing but an import. Needs the extra `sklearn`: `pip install 'steepest[sklearn]'`.
"""

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError("steepest.sklearn needs scikit-learn: pip install 'steepest[sklearn]'") from error

from steepest.sklearn.classifier import MLPClassifier
from steepest.sklearn.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]

"""How good a network is on rows that it was not trained on: figures, curves, the worst rows, what each column adds.

Figures are worked out in one pass over blocks of rows, so that memory does not grow with them; what needs all
probabilities at once (curves, areas, quantiles) is of all rows, or of very many of a sample.
"""

from steepest.inspect.evaluation.evaluate import Predictor, evaluate
from steepest.inspect.evaluation.importance import importance

__all__ = ["Predictor", "evaluate", "importance"]

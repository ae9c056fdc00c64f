"""The evaluator `judge`: a model that judges by the operator's rubric."""

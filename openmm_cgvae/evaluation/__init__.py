"""How good a model is: numbers, figures, pages, and the experiments of the paper."""

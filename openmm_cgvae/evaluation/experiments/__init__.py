"""The paper's experiments, run by one command and set beside its printed numbers."""

from openmm_cgvae.evaluation.experiments.plan import BenchmarkConfig
from openmm_cgvae.evaluation.experiments.results import printed
from openmm_cgvae.evaluation.experiments.run_benchmark import Benchmark, run_benchmark

__all__ = ["Benchmark", "BenchmarkConfig", "printed", "run_benchmark"]

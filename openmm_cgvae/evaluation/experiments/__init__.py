"""The paper's experiments, run by one command and set beside its printed numbers."""

from openmm_cgvae.evaluation.experiments.benchmark_run import Benchmark, run_benchmark
from openmm_cgvae.evaluation.experiments.plan import BenchmarkConfig
from openmm_cgvae.evaluation.experiments.results import printed

__all__ = ["Benchmark", "BenchmarkConfig", "printed", "run_benchmark"]

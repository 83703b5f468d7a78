"""The paper's experiments, run by one command and set beside its printed numbers."""

from openmm_cgvae.experiments.plan import BenchmarkConfig
from openmm_cgvae.experiments.results import printed
from openmm_cgvae.experiments.running import Benchmark, run_benchmark

__all__ = ["Benchmark", "BenchmarkConfig", "printed", "run_benchmark"]

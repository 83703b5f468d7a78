"""One page of HTML for an ensemble: structures in 3D, checks, energies, torsions.

The page asks nothing of the network: style, script and data are in it.
"""

from openmm_cgvae.evaluation.html_report.page import write_page

__all__ = ["write_page"]

"""Tables, figures and verdicts of a study's records. Nothing here trains, and nothing else here plots."""

from fairray.report.attacks import attack_costs, attack_table, attack_verdict
from fairray.report.breakdown import by_group, views
from fairray.report.comparison import comparison
from fairray.report.defences import defences
from fairray.report.distributions import distributions
from fairray.report.embedding import embedding
from fairray.report.figures import scatter, tradeoff
from fairray.report.gallery import gallery
from fairray.report.grid import grid_verdict, heatmap
from fairray.report.page import write
from fairray.report.pareto import pareto
from fairray.report.samples import samples
from fairray.report.section import Section
from fairray.report.sweep import sweep
from fairray.report.tables import table, verdict
from fairray.report.trust import probed, trust_matrices, trust_scores
from fairray.results import Results

__all__ = [
    "Results",
    "Section",
    "attack_costs",
    "attack_table",
    "attack_verdict",
    "by_group",
    "comparison",
    "defences",
    "distributions",
    "embedding",
    "gallery",
    "grid_verdict",
    "heatmap",
    "pareto",
    "probed",
    "samples",
    "scatter",
    "sweep",
    "table",
    "tradeoff",
    "trust_matrices",
    "trust_scores",
    "verdict",
    "views",
    "write",
]

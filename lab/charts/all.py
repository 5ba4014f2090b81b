"""All charts whose data exist, in the order of reading."""

from lab.analysis import Analysis
from lab.blocks import Chart
from lab.charts.effects import ladder, ratios
from lab.charts.latency import by_operation, by_percentile
from lab.charts.machine import resources
from lab.charts.over_time import over_time
from lab.charts.prediction import predictions
from lab.charts.scaling import knees, over_workers


def charts(found: Analysis) -> list[Chart]:
    """Return the charts of a report."""
    cells = [cell for cell in found.cells if cell.shown]
    return [
        *ratios(cells, found.noise_floor),
        *ladder(cells),
        *over_workers(cells),
        *knees(cells),
        *over_time(cells),
        *by_percentile(cells),
        *by_operation(cells),
        *resources(cells),
        *predictions(found.predictions),
    ]

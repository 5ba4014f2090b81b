"""All charts whose data exist, in the order of reading."""

from lab.analysis.analyse import Analysis
from lab.report.blocks import Chart
from lab.report.charts.comparison import ladder, ratios
from lab.report.charts.latency import by_operation, by_percentile, histogram
from lab.report.charts.machine import resources
from lab.report.charts.over_time import over_time
from lab.report.charts.prediction import predictions
from lab.report.charts.scaling import knees, over_workers


def charts(found: Analysis) -> dict[str, list[Chart]]:
    """Return the charts of a report by what they are about."""
    settings = [setting for setting in found.settings if setting.shown]
    grid = [one for one in settings if not one.shown[0].title]  # without the article's figures
    groups = {
        "More workers, more load": [*over_workers(grid), *knees(grid)],
        "Over time": over_time(settings),
        "Latency, CPU and memory": [
            *ratios(settings, found.noise_floor),
            *ladder(settings),
            *histogram(settings),
            *by_percentile(settings),
            *by_operation(settings),
            *resources(settings),
        ],
        "Prediction beside measurement": predictions(found.predictions) if grid else [],
    }
    return {about: drawn for about, drawn in groups.items() if drawn}

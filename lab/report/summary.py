"""What the records say, for other programs: one JSON document with its version.

A number with an interval is `{"middle", "low", "high", "repeats"}`; `low` and `high` are null when
too few repeats claim none. Units stand in the names.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lab.analysis.analyse import Analysis
from lab.analysis.answers import Answer
from lab.analysis.models.demands import Demands, Prediction
from lab.analysis.rules.doubts import doubts
from lab.analysis.settings import Setting, demand, throughput
from lab.analysis.statistics import Estimate
from lab.analysis.verdicts import Verdict
from lab.records.trial import Trial
from lab.report.contents import kind, title

VERSION = 1
PERCENTILES = (50, 95, 99)


def document(found: Analysis) -> dict[str, Any]:
    """Return all answers, figures, verdicts and predictions, ready for JSON."""
    return {
        "version": VERSION,
        "title": title(found),
        "kind": kind(found),
        "machine": found.trials[0].machine,
        "answers": [_answer(answer) for answer in found.answers],
        "noise_floor": found.noise_floor,
        "settings": [_setting(setting) for setting in found.settings],
        "demands": [_demands(one) for one in found.demands],
        "predictions": [prediction(one) for one in found.predictions],
        "trials": [_trial(trial, found.verdicts[trial.number]) for trial in found.trials],
        "doubts": doubts(found.trials),
    }


def _answer(answer: Answer) -> dict[str, Any]:
    return {**asdict(answer), "evidence": list(answer.evidence)}


def _setting(setting: Setting) -> dict[str, Any]:
    """Return a setting's figures over its valid trials; none when no trial is valid."""
    figures: dict[str, Any] = {}
    if setting.trials:
        figures = {
            "throughput_per_s": estimate(setting.estimate(throughput)),
            **{f"p{wanted}_ms": estimate(setting.percentile(wanted)) for wanted in PERCENTILES},
            "server_cpu_ms_per_request": estimate(setting.estimate(demand)),
        }
    return {
        **_place(setting),
        "valid_trials": [trial.number for trial in setting.trials],
        "refused_trials": [trial.number for trial in setting.refused],
        **figures,
    }


def _place(setting: Setting) -> dict[str, Any]:
    return {"label": setting.label, "conditions": asdict(setting.conditions)}


def estimate(found: Estimate | None) -> Mapping[str, float | None] | None:
    """Return a number with its interval, ready for JSON."""
    if found is None:
        return None
    ends = found.interval
    return {
        "middle": found.middle,
        "low": ends.low if ends else None,
        "high": ends.high if ends else None,
        "repeats": found.repeats,
    }


def _demands(one: Demands) -> dict[str, Any]:
    cpu = {party: 1000 * seconds for party, seconds in one.cpu.items()}
    waits = {"wait_ms": 1000 * one.wait, "outside_ms": 1000 * one.outside}
    return {"label": one.label, "cpu_ms": cpu, **waits}


def prediction(one: Prediction) -> dict[str, Any]:
    """Return what the laws say of a setting beside what was measured, ready for JSON."""
    return {
        **_place(one.setting),
        "predicted_throughput_per_s": one.predicted.throughput,
        "measured_throughput_per_s": one.measured.throughput,
        "predicted_mean_ms": 1000 * one.predicted.latency,
        "measured_mean_ms": 1000 * one.measured.latency,
        "is_calibration": one.is_calibration,
        "is_flagged": one.is_flagged,
    }


def _trial(trial: Trial, verdict: Verdict) -> dict[str, Any]:
    return {
        "number": trial.number,
        "label": trial.label,
        "pair": trial.pair,
        "started": trial.started,
        "conditions": asdict(trial.conditions),
        "verdict": str(verdict.level),
        "reasons": [{"rule": reason.rule, "text": reason.text} for reason in verdict.reasons],
        "requests": trial.total.requests,
        "failures": trial.total.failures,
        "throughput_per_s": trial.throughput,
        "mean_ms": trial.total.mean_ms,
        "p50_ms": trial.total.p50_ms,
        "p95_ms": trial.total.p95_ms,
        "p99_ms": trial.total.p99_ms,
        "max_ms": trial.total.max_ms,
        "server_cpu_ms_per_request": trial.server_ms_per_request,
        "cores_used": {party: trial.cores_used(party) for party in trial.usage},
    }

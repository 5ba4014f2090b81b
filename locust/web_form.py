"""The web form: our order of the fields, and wrong values are refused in the form itself."""

from argparse import Namespace

from flask import Flask, Response, jsonify, request
from locust.env import Environment
from locust.runners import STATE_RUNNING, STATE_SPAWNING

from learning import learn_ids
from options import load_from, options_of
from shapes import choose_shape


def improve_form(app: Flask, environment: Environment) -> None:
    # Else the fields come in the order of the alphabet.
    app.jinja_env.policies["json.dumps_kwargs"] = {"sort_keys": False}

    @app.before_request
    def refuse() -> Response | None:
        if request.method != "POST" or not request.path.endswith("/swarm"):
            return None
        try:
            _prepare(environment)
        except (ValueError, LookupError) as error:
            return jsonify({"success": False, "message": str(error)})
        return None


def _prepare(environment: Environment) -> None:
    """Raises ValueError for a wrong value, LookupError when there is no such service."""
    load = load_from(_with_form(options_of(environment)))
    if environment.runner and environment.runner.state in (STATE_RUNNING, STATE_SPAWNING):
        return  # an edit of the running test
    learn_ids(request.form.get("host") or environment.host or "", load, max_pages=1)
    choose_shape(environment, request.form.get("shape", "none"))


def _with_form(options: Namespace) -> Namespace:
    """The options as they will be: a field keeps the type that its value has now."""
    known = vars(options)
    changed = {
        key: type(known[key])(value)
        for key, value in request.form.items()
        if isinstance(known.get(key), str | int | float)
    }
    return Namespace(**{**known, **changed})

"""Wrong values in the web form are refused there, as Locust does for its own fields."""

from argparse import Namespace

from flask import Flask, Response, jsonify, request

from options import load_from


def check_form(app: Flask, options: Namespace) -> None:
    @app.before_request
    def refuse_wrong_values() -> Response | None:
        if request.method != "POST" or not request.path.endswith("/swarm"):
            return None
        try:
            load_from(_with_form(options))
        except ValueError as error:
            return jsonify({"success": False, "message": str(error)})
        return None


def _with_form(options: Namespace) -> Namespace:
    """The options as they will be: a field keeps the type of the value before."""
    known = vars(options)
    changed = {
        key: type(known[key])(value)
        for key, value in request.form.items()
        if isinstance(known.get(key), str | int | float)
    }
    return Namespace(**{**known, **changed})

"""The web form: our order of the fields, wrong values are refused in it, a taken port before."""

import socket
from argparse import Namespace

from flask import Flask, Response, jsonify, request
from locust.argument_parser import ui_extra_args_dict
from locust.env import Environment
from locust.runners import STATE_RUNNING, STATE_SPAWNING

from options import load_from, options_of
from running import prepare
from shapes import choose_shape


def refuse_taken_port(host: str, port: int) -> None:
    """Raises ValueError where Locust, which listens later, would end in tracebacks."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host.removeprefix("*"), port), family=family).close()
    except OSError as error:
        why = str(error.strerror).partition(" (while")[0]
        todo = "stop what listens there, or give another --web-port"
        raise ValueError(f"web port {port}: {why}; {todo}") from error


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
    options = _with_form(options_of(environment))
    load_from(options)
    if environment.runner and environment.runner.state in (STATE_RUNNING, STATE_SPAWNING):
        return  # an edit of the running test
    prepare(options, request.form.get("host") or environment.host or "")
    options_of(environment).learned_ids = options.learned_ids
    choose_shape(environment, request.form.get("shape", "none"))


def _with_form(options: Namespace) -> Namespace:
    """The options as they will be: one of ours keeps the type of its default.

    Locust's own are read by Locust, which knows that a run time may be `1m` or empty.
    """
    ours = {key: option["default_value"] for key, option in ui_extra_args_dict().items()}
    changed = {
        key: type(ours[key])(value)
        for key, value in request.form.items()
        if isinstance(ours.get(key), str | int | float)
    }
    return Namespace(**{**vars(options), **changed})

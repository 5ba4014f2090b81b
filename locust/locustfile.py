"""The load: 60 % retrieve, 15 % list, 20 % create, 5 % delete on a REST collection of items.

    locust                                            web UI on 127.0.0.1:8089, prefilled
    locust --headless -u 100 -r 10 -t 1m              the same without it
    locust --config locust/500-users.conf             500 users for 10 minutes
    locust --preset fastapi --host http://…           a service without trailing slashes, bare list
    locust --mix httparena-crud                       with updates; or weights of all operations
    locust --headless -t 1m --max-p95 300             exit code 1 when slower
    locust --headless --shape steps -u 200 -t 5m      a load shape, steps or spike; also in the form
    locust --processes 2                              on two cores; --master, --worker on machines
    locust --show-task-ratio                          the default mix

`python -m locust --help` lists our options with Locust's; they are declared in options.py.

Users wait for their answers, so a slow service gets fewer requests: a closed load. --arrival-rate
200 sends 200 requests per second in all, on a schedule that slow answers do not slow down, as long
as the users suffice: more of them than rate x response time (200/s x 0.5 s: over 100). A user who
is late sends at once until the schedule is met again; --request-log keeps the intended times.

Siblings are imported at the top and by bare name only: Locust takes this folder off the import path
again after loading it. The folder has no __init__.py, or it would hide the installed locust.
"""

# Locust types its own functions only in part.
# mypy: disable-error-code="no-untyped-call, untyped-decorator"

import signal
import sys
from argparse import Namespace

import gevent  # type: ignore[import-untyped]
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import STATE_STOPPING, MasterRunner, WorkerRunner

from item_user import ItemUser
from operations import Operations
from options import add_options, load_from, options_of
from request_log import RequestLog, path_for, refuse_place
from running import follow, lead, prepare
from shapes import choose_shape
from thresholds import Slow, judge, refuse_wrong_thresholds
from web_form import improve_form, refuse_taken_port

__all__ = ["ItemUser"]


@events.init_command_line_parser.add_listener
def declare(parser: LocustArgumentParser) -> None:
    add_options(parser)


slow: Slow


@events.init.add_listener
def begin(environment: Environment, **_: object) -> None:
    options = options_of(environment)
    if not isinstance(environment.runner, WorkerRunner):
        exit_if_wrong(options)
    if environment.web_ui and environment.web_ui.app:
        improve_form(environment.web_ui.app, environment)
    choose_shape(environment, options.shape)
    global slow
    slow = Slow(environment)
    drain_on_interrupt(environment)
    # Timers count from when the event loop last ran, before the imports: a second or more ago on a
    # busy machine, by which --run-time would come too early.
    gevent.get_hub().loop.update_now()


def exit_if_wrong(options: Namespace) -> None:
    try:
        load_from(options)
        if options.request_log:
            refuse_place(options.request_log)
        refuse_wrong_thresholds(options)
        if options.headless or options.autostart:  # else the form does it, for each of its runs
            prepare(options, options.host or "")
        if not options.headless:
            refuse_taken_port(options.web_host or "", options.web_port)
    except (ValueError, LookupError) as error:
        print(f"locust: error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)


def drain_on_interrupt(environment: Environment) -> None:
    """Let Ctrl-C wait for requests in flight; a second one ends the process at once.

    By itself Python raises KeyboardInterrupt in whichever user happens to run: a request is lost.
    """
    main = gevent.getcurrent()

    def interrupt() -> None:
        handler.cancel()
        stop_users(environment)
        gevent.kill(main, KeyboardInterrupt)  # from here on as Locust does it

    handler = gevent.signal_handler(signal.SIGINT, interrupt)


def stop_users(environment: Environment) -> None:
    """Returns when their requests are answered, or after --stop-timeout."""
    if environment.runner and not isinstance(environment.runner, MasterRunner):
        environment.runner.stop()


@events.test_start.add_listener
def start(environment: Environment, **_: object) -> None:
    """First in the leading process, before it calls its workers; then in each that has users."""
    if not isinstance(environment.runner, WorkerRunner):
        lead(environment)
    slow.begin(options_of(environment).max_p95)
    Operations.show(load_from(options_of(environment)).mix)
    if not isinstance(environment.runner, MasterRunner):
        ItemUser.current = follow(environment)
        open_request_log(environment)


def open_request_log(environment: Environment) -> None:
    global request_log
    path = options_of(environment).request_log
    if not path or request_log:
        return
    runner = environment.runner
    worker = runner.worker_index if isinstance(runner, WorkerRunner) else None
    request_log = RequestLog(path_for(path, worker))
    environment.events.request.add_listener(request_log.on_request)


request_log: RequestLog | None = None


@events.spawning_complete.add_listener
def share_the_rate(user_count: int, **_: object) -> None:
    """Users were added or stopped: the arrival rate stays that of all of them together."""
    if current := getattr(ItemUser, "current", None):
        current.total_users = user_count


@events.test_stopping.add_listener
def collect_last_reports(environment: Environment, **_: object) -> None:
    """Let the workers end first: Locust's master waits half a second, slow requests take longer.

    Without this it would judge a slow service by its fast answers only.
    """
    runner = environment.runner
    if not isinstance(runner, MasterRunner) or not options_of(environment).headless:
        return
    runner.update_state(STATE_STOPPING)  # else the first to end has its users moved to the others
    runner.send_message("quit")
    with gevent.Timeout(environment.stop_timeout + 5, False):
        while runner.clients.all:
            gevent.sleep(0.05)


@events.test_stop.add_listener
def flush(**_: object) -> None:
    if request_log:
        request_log.flush()


@events.quitting.add_listener
def end(environment: Environment, **_: object) -> None:
    stop_users(environment)  # after SIGTERM they still run, and their requests count
    if not isinstance(environment.runner, WorkerRunner):
        judge(environment, slow)
    if request_log:
        request_log.close()

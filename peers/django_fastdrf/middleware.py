"""What is left of Django's common middleware here."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], HttpResponse]


def with_length(get_response: Handler) -> Handler:
    """Tell the length of answers, which gunicorn would send in chunks."""

    def answered(request: HttpRequest) -> HttpResponse:
        answer = get_response(request)
        answer.headers["Content-Length"] = str(len(answer.content))
        return answer

    return answered

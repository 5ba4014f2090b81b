"""Make the tables and fill them: `python -m tests.costs.shop.seed`."""

import datetime

from tests.costs.shop import wsgi  # noqa: F401  (sets Django up)

from django.contrib.auth.models import Group, User  # isort: skip
from django.core.management import call_command  # isort: skip
from tests.costs.shop.models import Author, Book, Snippet, Topic  # isort: skip

call_command("migrate", run_syncdb=True, verbosity=0)
Author._default_manager.bulk_create(
    [Author(name=f"Author {n}", born="1970-01-02") for n in range(50)]
)
Topic._default_manager.bulk_create([Topic(word=f"topic {n}") for n in range(30)])
User.objects.bulk_create([User(username=f"u{n}", email=f"u{n}@example.org") for n in range(200)])
users = [*User.objects.order_by("id")]
Group.objects.bulk_create([Group(name=f"group {n}") for n in range(10)])
groups = [*Group.objects.order_by("id")]
for number, user in enumerate(users):
    user.groups.set(groups[number % 10 : number % 10 + number % 3])
Snippet._default_manager.bulk_create(
    [Snippet(owner=users[n % 20], title=f"No. {n}", code="print(1)\n" * 9) for n in range(200)]
)
authors, topics = [*Author._default_manager.all()], [*Topic._default_manager.all()]
Book._default_manager.bulk_create([
    Book(author=authors[n % 50], title=f"A book about {n}", blurb="Read it. " * 10, price=n,
         pages=n % 900, published=datetime.date(2020, 1, 1 + n % 28))
    for n in range(2000)
])  # fmt: skip
for number, book in enumerate(Book._default_manager.all()[:100]):
    book.topics.set(topics[number % 20 : number % 20 + 3])
for number, book in enumerate(Book._default_manager.order_by("-id")[:100]):
    book.topics.set(topics[number % 20 : number % 20 + 3])

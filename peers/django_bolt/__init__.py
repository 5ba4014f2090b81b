"""django-bolt on Django's ORM, with its own server in Rust: `python -m peers serve django-bolt`."""

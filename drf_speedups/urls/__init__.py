"""Views found by their URL, and the links of pages, by less work.

resolving     patterns of URLs that cannot match a path are not tried
links         the next and the previous page's URL, without taking URLs apart
standing_in   what stands in whose place
"""

from drf_speedups.urls.standing_in import URLS

__all__ = ["URLS"]

"""Django's own queries, built and compiled once for all that differ in values only.

shapes        what the SQL of a query follows from, but for its values
conditions    the same of its joins and conditions
expressions   the same of what it computes
building      what stands in the place of the method that puts conditions into a query
compiling     the SQL of a query of rows, and what is known of its columns
getting       what stands in the place of the methods that ask for one object
aggregates    what stands in the place of those that count rows, or ask for sums and the like
times         what stands in the place of the one that reads moments
standing_in   what stands in the place of the methods that run a SELECT
"""

from drf_speedups.queries.standing_in import QUERIES

__all__ = ["QUERIES"]

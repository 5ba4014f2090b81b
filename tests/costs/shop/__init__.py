"""A project of somebody else, as `startproject` and the tutorial leave it, to measure lists of."""

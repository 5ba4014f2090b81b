"""A second application, richer than the items: what view sets out there are made of."""

"""Charts as inline SVG: each module draws one family, from values that were computed elsewhere."""

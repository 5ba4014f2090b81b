"""The report as one HTML file that needs no network: words first, then charts, then tables."""

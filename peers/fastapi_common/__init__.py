"""What both FastAPI peers do alike, so that they differ in how they reach the database only."""

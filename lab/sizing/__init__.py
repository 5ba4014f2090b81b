"""What so many users need, from what one request was measured to cost."""

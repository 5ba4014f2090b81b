"""The laws of queueing and scaling, and what the records put into them."""

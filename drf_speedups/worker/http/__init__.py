"""HTTP messages: requests from the bytes of a connection, answers as bytes; no socket is seen."""

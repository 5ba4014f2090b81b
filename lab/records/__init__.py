"""What a trial found: what runs writes it, what reads never runs."""

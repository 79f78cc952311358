"""What live calls cost the service, and what it does under load: memory, load, growth with live calls."""

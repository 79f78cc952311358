"""What agencies do with incidents, and how fast: rules without storage."""

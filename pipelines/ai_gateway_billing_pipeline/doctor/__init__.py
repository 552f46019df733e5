"""What `aig-billing doctor` tries, and what it says of it."""

"""Questions, sentences and charts, and the page they make."""

"""Tells people of findings: what is news, in which words, where to, and what was told before."""

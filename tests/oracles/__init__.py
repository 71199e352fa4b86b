"""Slow, obvious twins of what the program computes fast. They import nothing of ours."""

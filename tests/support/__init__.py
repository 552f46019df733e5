"""What tests share: worlds, clocks, processes, and tools that make targets run."""

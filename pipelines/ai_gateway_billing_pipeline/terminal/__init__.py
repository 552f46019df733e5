"""What people see: output, logs, progress, exit codes, signals."""

"""What several benchmarks need: tables, made-up pictures, memory of a process tree."""

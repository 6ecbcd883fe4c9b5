"""What several benchmarks need: tables, made-up images, memory of a process tree."""

"""What a system costs: time by stage, throughput, memory, sizes of models and of a gallery."""

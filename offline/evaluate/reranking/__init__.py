"""What a learned reranker does on a task: its pairs, their order before and after, and why."""

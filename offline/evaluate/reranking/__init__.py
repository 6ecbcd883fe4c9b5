"""What a learned reranker does on a task: its pairs, their order before and after, and why."""

from offline.evaluate.reranking.blocks import reranker_blocks, system_blocks

__all__ = ["reranker_blocks", "system_blocks"]

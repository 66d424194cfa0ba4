"""Bulk generation: a file of prompts in, shards of pictures out, without PyTorch.

`prompt_file` reads the rows, `job` describes the folder to write, `shard` draws one unit of work,
`layouts` write it, `journal` records it, `run` does the whole job, and `on_ray` spreads it over
machines.
"""

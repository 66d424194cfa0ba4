"""Bulk generation: a file of prompts in, shards of pictures out, without PyTorch.

prompt_file reads rows, job says what is made of them, shard draws one unit of work, layouts write
it, journal keeps account, generate_all ties them together, on_ray spreads the shards over machines.
"""

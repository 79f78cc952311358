"""The service in groups of parts: each builds its own, runs, shows and ends them. `callrouter.app` has them all.

They are built in the order of the contract "Groups are built in order" in pyproject.toml; what a group needs of an
earlier one it is given, and what an earlier one has to tell a later one is joined in `callrouter.app`.
"""

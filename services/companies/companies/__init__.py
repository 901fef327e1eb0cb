"""The company register: which companies exist, where they are, which are SMEs and why the others are not.

Facts come from SIRENE (stock files, the public APIs) and from companies themselves; a fact of the register always
outranks a declared one, and inside one origin the newer observation wins. Start reading at `service.py`.
"""

"""Mutation runs: small wrong changes to the pure rooms, each of which some test must notice."""

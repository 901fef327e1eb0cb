"""What holds for every test: none depends on how fast the machine is today, or on luck.

The examples of a property are the same in each run, so a gate never falls for a reason that is not in the change;
`--hypothesis-profile=explore` draws new ones.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("project", settings.get_profile("explore"), derandomize=True)
settings.load_profile("project")

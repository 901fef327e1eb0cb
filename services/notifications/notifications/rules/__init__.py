"""Pure rules: which facts are told and how, when waiting messages leave."""

"""Where companies are and connecteurs work: zones of the administrative map."""

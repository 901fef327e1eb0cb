"""The SQL of matching: the directory as it is read, the loads of connecteurs."""

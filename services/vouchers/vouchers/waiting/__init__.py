"""The waiting list of an envelope, pure: who is served next when money came back."""

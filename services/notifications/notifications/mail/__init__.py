"""Mails: in French (`rendering`), as bytes (`letters`), with a way out (`unsubscribe`), handed over (`smtp`)."""

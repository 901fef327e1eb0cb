"""Who may have a chèque for what spend, and how much; pure."""

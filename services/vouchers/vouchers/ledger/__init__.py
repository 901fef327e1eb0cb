"""The money of an envelope, pure: accounts, movements between them, the book of one decision."""

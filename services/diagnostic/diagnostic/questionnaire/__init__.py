"""The questionnaires and their answers: forms as data, packed sheets, reading of what clients send."""

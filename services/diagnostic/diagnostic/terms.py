"""The closed lists of words of the diagnosis: what forms, results and events may say."""

from typing import Literal, TypeAlias

FormKind: TypeAlias = Literal["complet", "express"]
Stage: TypeAlias = Literal["T0", "T1", "T2", "libre"]
BandName: TypeAlias = Literal["debutant", "intermediaire", "avance", "expert"]
ExpressBandName: TypeAlias = Literal["tres_faible", "faible", "eleve", "tres_eleve"]

QuestionKind: TypeAlias = Literal["multi", "double", "echelle", "tri", "oui_non"]
"""How a question is answered: options, options done or planned, rows on a scale, rows in three words or in two."""

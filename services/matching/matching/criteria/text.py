"""Every sentence matching says to people, in French, by reason code."""

from functools import lru_cache
from typing import Final

from matching.criteria.verdict import NO, UNKNOWN

DECLINE_REASONS: Final = {
    "indisponible": "Indisponible en ce moment",
    "hors_perimetre": "Demande hors de mon périmètre",
    "conflit_interet": "Conflit d'intérêts avec l'entreprise",
    "deja_accompagnee": "Entreprise déjà accompagnée",
    "autre": "Autre raison",
}

NATURES: Final = {
    "accompagnement": "Accompagnement",
    "formation": "Formation",
    "subvention": "Subvention",
    "pret": "Prêt",
    "fiscal": "Avantage fiscal",
    "ressource": "Guide ou outil",
}

TERRITORY: Final = {
    "commune": "Intervient dans votre commune",
    "epci": "Intervient dans votre intercommunalité",
    "departement": "Intervient dans votre département",
    "region": "Intervient dans votre région",
    "national": "Intervient dans toute la France",
}

CRITERIA: Final = {
    ("territoire", NO): "N'intervient pas sur le territoire de l'entreprise.",
    ("territoire", UNKNOWN): "Commune de l'entreprise non renseignée : présence sur le territoire à confirmer.",
    ("sujet", NO): "Ne couvre aucun des sujets de la demande.",
    ("niveau", NO): "La demande appelle une mission rémunérée : réservée aux professionnels labellisés.",
    ("statut", NO): "N'est pas actif dans l'annuaire.",
    ("absence", NO): "Absent à cette date.",
    ("chambre", NO): "Chambre qui ne correspond pas à la nature de l'activité.",
    ("chambre", UNKNOWN): "Nature de l'activité (commerciale, artisanale) à confirmer auprès de la chambre.",
    ("opco", UNKNOWN): "Convention collective non renseignée : rattachement à cet OPCO à confirmer.",
    ("effectif", NO): "Effectif hors des limites acceptées.",
    ("effectif", UNKNOWN): "Effectif précis non renseigné : à confirmer.",
    ("anciennete", NO): "Ancienneté de l'entreprise hors des limites acceptées.",
    ("anciennete", UNKNOWN): "Date de création non renseignée : ancienneté à confirmer.",
    ("naf", NO): "Secteur d'activité non accepté.",
    ("naf", UNKNOWN): "Code d'activité (NAF) absent ou dans une autre nomenclature : secteur à confirmer.",
    ("forme", NO): "Forme juridique non acceptée.",
    ("forme", UNKNOWN): "Forme juridique non renseignée : à confirmer.",
    ("commune_exclue", NO): "Commune exclue de la zone d'intervention.",
    ("commune_exclue", UNKNOWN): "Commune de l'entreprise non renseignée : à confirmer.",
    ("capacite", NO): "Capacité d'accueil atteinte pour les 30 jours.",
    ("institution", NO): "Institution déjà sollicitée pour cette demande.",
    ("region", NO): "Réservé à une autre région.",
    ("region", UNKNOWN): "Région de l'entreprise non renseignée : à confirmer.",
    ("validite", NO): "Dispositif terminé ou pas encore ouvert.",
}
"""Sentence by criterion and verdict; a `yes` needs none."""

PRECISE: Final = {
    ("sujet", "principal"): "Couvre votre besoin principal : {subject}",
    ("sujet", "secondaire"): "Couvre un autre de vos besoins : {subject}",
}


def points(hundredths: int) -> str:
    """Points for people: "20 points", "7,5 points", "1 point"."""
    return _counted(hundredths / 100, "point")


def _counted(value: float, noun: str) -> str:
    """A number with at most one decimal and its noun, in the plural from 2 on as it is shown."""
    shown = f"{value:.1f}".removesuffix(".0")
    return f"{shown.replace('.', ',')} {noun}{'s' * (float(shown) >= 2)}"


@lru_cache(maxsize=4096)
def scored(sentence: str, hundredths: int) -> str:
    """A sentence with the points it earned."""
    return f"{sentence} ({points(hundredths)})."


@lru_cache(maxsize=4096)
def missing(criterion: str, hundredths: int) -> str:
    """What is not known, and the points it costs."""
    sentence = CRITERIA[criterion, UNKNOWN].removesuffix(".")
    return f"{sentence} (−{points(hundredths)})."


@lru_cache(maxsize=4096)
def past_help(done: int, matches: int) -> str:
    """What a connecteur did before."""
    if not matches:
        return "Pas encore d'historique d'accompagnement"
    return f"A aidé {done} entreprise{'s' * (done > 1)} sur {matches} mise{'s' * (matches > 1)} en relation"


@lru_cache(maxsize=4096)
def response(days: float | None) -> str:
    """How fast a connecteur answers."""
    if days is None:
        return "Délai de réponse pas encore mesuré"
    return f"Répond en {_counted(days, 'jour')} (médiane)"


@lru_cache(maxsize=4096)
def capacity(load: int, limit: int) -> str:
    """How free a connecteur is, the matches it has already counted."""
    free = max(0, limit - load)
    if not free:
        return f"Complet : {load} mise{'s' * (load > 1)} en relation en cours, {limit} au plus en 30 jours"
    return f"Disponible : {free} place{'s' * (free > 1)} sur {limit} en 30 jours"

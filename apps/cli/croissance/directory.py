"""A made-up directory of connecteurs: desks of institutions spread like the companies, enough of them to serve all.

Networks that the report of the French national digital council names (chambers, accountants, banks, federations,
local authorities, volunteers) have a desk in each département or region; firms are drawn by population. Every name is
invented or generic; none is a person's.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.resources import files
from itertools import islice
from math import ceil
from random import Random
from typing import Any, Final, NamedTuple

from croissance.population import Commune


class Departement(NamedTuple):
    """A département and its region."""

    code: str
    name: str
    region: str


class Network(NamedTuple):
    """One kind of connecteur.

    Attributes:
        type: its type in the directory.
        tier: benevole or professionnel.
        per_million: desks a million inhabitants (at least one in each place).
        regional: one place is a region, else a département.
        capacity: companies one desk takes in 30 days, before scaling.
        names: names of desks; `{place}` is the département or region.
        specialities: each desk has one of these sets of subjects, in turn.
        sectors: sections of experience, each desk one set in turn.
    """

    type: str
    tier: str
    per_million: float
    regional: bool
    capacity: int
    names: tuple[str, ...]
    specialities: tuple[tuple[str, ...], ...]
    sectors: tuple[tuple[str, ...], ...] = ((),)


_GENERAL: Final = ("strategie", "visibilite_web", "vente_en_ligne", "cybersecurite", "competences_formation")
_FIRMS: Final = (
    ("visibilite_web", "vente_en_ligne", "strategie"),
    ("gestion_erp_crm", "facture_electronique", "donnees"),
    ("ia_automatisation", "donnees", "strategie"),
    ("cybersecurite", "donnees", "gestion_erp_crm"),
    ("numerique_responsable", "strategie", "ia_automatisation"),
)
_MARKETS: Final = (("G", "I"), ("F", "C"), ("M", "J", "K"), ("H", "N"), ("P", "Q", "R", "S"), ())

NETWORKS: Final = (
    Network(
        "cci",
        "professionnel",
        2.5,
        False,
        40,
        ("CCI {place} – appui numérique",),
        ((*_GENERAL, "e_international", "donnees", "numerique_responsable", "ia_automatisation"),),
    ),
    Network(
        "cma",
        "professionnel",
        2.5,
        False,
        40,
        ("CMA {place} – conseil numérique",),
        ((*_GENERAL, "facture_electronique", "gestion_erp_crm", "numerique_responsable"),),
    ),
    Network(
        "expert_comptable",
        "professionnel",
        12,
        False,
        12,
        ("Cabinet comptable {place} {number}",),
        (("facture_electronique", "gestion_erp_crm", "financement", "strategie"),),
        _MARKETS,
    ),
    Network(
        "prestataire_labellise",
        "professionnel",
        18,
        False,
        10,
        ("Atelier numérique {place} {number}", "Agence conseil {place} {number}"),
        _FIRMS,
        _MARKETS,
    ),
    Network(
        "cyber",
        "professionnel",
        4,
        False,
        10,
        ("Cyber services {place} {number}",),
        (("cybersecurite", "donnees"),),
    ),
    Network(
        "banque",
        "professionnel",
        2,
        False,
        20,
        ("Agence bancaire pour les entreprises {place} {number}",),
        (("financement", "strategie"),),
    ),
    Network(
        "benevole",
        "benevole",
        12,
        False,
        2,
        ("Club des dirigeants {place} {number}",),
        (("strategie", "visibilite_web", "mutualisation"), ("vente_en_ligne", "competences_formation")),
    ),
    Network(
        "expert_partage",
        "professionnel",
        2,
        False,
        15,
        ("Groupement d’employeurs {place} {number}",),
        (("mutualisation", "cybersecurite", "donnees", "competences_formation", "ia_automatisation"),),
    ),
    Network(
        "collectivite",
        "professionnel",
        1,
        True,
        80,
        ("Agence régionale de développement {place}",),
        (("financement", "numerique_responsable", "strategie", "donnees", "mutualisation"),),
    ),
    Network(
        "federation",
        "professionnel",
        1,
        True,
        40,
        ("Fédération professionnelle {place} {number}",),
        (("mutualisation", "ia_automatisation", "donnees"), ("numerique_responsable", "facture_electronique")),
    ),
    Network(
        "formation",
        "professionnel",
        1.5,
        True,
        60,
        ("Organisme de formation numérique {place} {number}",),
        (("competences_formation", "ia_automatisation"), ("competences_formation", "cybersecurite")),
    ),
    Network(
        "export",
        "professionnel",
        1,
        True,
        30,
        ("Conseil en e-international {place} {number}",),
        (("e_international", "vente_en_ligne"),),
    ),
)

OFFERS: Final = 3
"""Connecteurs asked for each company: each takes a place until it answers."""

MARGIN: Final = 2.0
"""Places in the directory for each place needed: needs and desks are never in the same spots."""

REGION_NAMES: Final = {
    "84": "Auvergne-Rhône-Alpes",
    "27": "Bourgogne-Franche-Comté",
    "53": "Bretagne",
    "24": "Centre-Val de Loire",
    "94": "Corse",
    "44": "Grand Est",
    "32": "Hauts-de-France",
    "11": "Île-de-France",
    "28": "Normandie",
    "75": "Nouvelle-Aquitaine",
    "76": "Occitanie",
    "52": "Pays de la Loire",
    "93": "Provence-Alpes-Côte d’Azur",
    "01": "Guadeloupe",
    "02": "Martinique",
    "03": "Guyane",
    "04": "La Réunion",
    "06": "Mayotte",
}
"""INSEE code of the 18 regions → name."""


def departements() -> Iterator[Departement]:
    """The 101 départements (code officiel géographique 2026)."""
    text = (files("croissance") / "data" / "departements.csv").read_text("utf-8")
    for line in islice(text.splitlines(), 1, None):
        yield Departement(*line.split(","))


def connecteurs(companies: int, places: Iterable[Commune], seed: int = 1) -> list[dict[str, Any]]:
    """Bodies for the door of the directory: the same seed and number of companies give the same directory.

    Args:
        companies: how many companies will look for help; capacities grow with it.
        places: communes with their population.
        seed: of the past results of desks.
    """
    people: Counter[str] = Counter()
    for commune in places:
        people[commune.departement] += commune.population
        people[f"region {commune.region}"] += commune.population
    desks = [desk for network in NETWORKS for desk in _desks(network, people)]
    rng = Random(f"directory/{seed}")  # noqa: S311  made-up results, no secrets
    scale = max(1, ceil(MARGIN * OFFERS * companies / sum(desk["capacity_30d"] for desk in desks)))
    for desk in desks:
        desk["capacity_30d"] *= scale
        matches = rng.randrange(60)
        done = rng.randrange(matches // 3, matches + 1)
        desk["quality"] = {"done": done, "matches": matches, "median_days": rng.choice([1, 2, 3, 4, 5, 7])}
    return desks


def _desks(network: Network, people: Counter[str]) -> Iterator[dict[str, Any]]:
    """The desks of a network, in every place."""
    if network.regional:
        places = [(code, name, people[f"region {code}"]) for code, name in REGION_NAMES.items()]
    else:
        places = [(each.code, each.name, people[each.code]) for each in departements()]
    kind = "region" if network.regional else "departement"
    for code, name, inhabitants in places:
        for number in range(max(1, round(network.per_million * inhabitants / 1_000_000))):
            title = network.names[number % len(network.names)].format(place=name, number=number + 1)
            slug = f"demo-{network.type.replace('_', '-')}-{'r' if network.regional else ''}{code.lower()}-{number + 1}"
            yield {
                "id": slug,
                "name": title,
                "type": network.type,
                "tier": network.tier,
                "institution_id": slug,
                "institution": title,
                "partner_id": "demo",
                "sujets": network.specialities[number % len(network.specialities)],
                "zones": [{"type": kind, "code": code}],
                "secteurs": network.sectors[number % len(network.sectors)],
                "capacity_30d": network.capacity,
            }

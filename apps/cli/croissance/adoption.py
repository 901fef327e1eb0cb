"""How common each digital practice is, and how it rises with maturity: the answers of the full diagnosis as chances.

The figures are the share (percent) of average French SMEs that would answer yes; an approximation set for a
demonstration from the France Num barometer (2025) and Eurostat (2023), then calibrated so that about one company in
eight reaches the admission bar of the label. `Population` turns them into answers.
"""

from dataclasses import dataclass
from math import exp, log
from random import Random
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["double", "multi", "echelle", "tri"]
Answer: TypeAlias = list[str] | dict[str, list[str]] | dict[str, int | str] | str

STEEPNESS: Final = 1.55
"""Log-odds gained for one standard deviation of maturity."""

CALIBRATION: Final = -0.64
"""Log-odds added to every practice: set so that about one company in eight reaches the admission bar of the label."""

UNKNOWN: Final = 0.004
"""Chance that a whole question is answered « je ne sais pas »."""

NOT_CONCERNED: Final = 0.5
"""Chance that a company that makes nothing marks a workshop technology « non concerné »."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the full diagnosis.

    Attributes:
        id: Q1 … E4.
        dimension: index of its dimension: 0–5 for D1–D6, 6 and 7 for C1 and C2.
        kind: how it is answered.
        items: option or row → percent of average companies that have it.
        workshop: rows that only companies that make something are concerned by.
        exclusive: the option that rules out the others, chosen when none of them holds, or "".
    """

    id: str
    dimension: int
    kind: Kind
    items: dict[str, int]
    workshop: tuple[str, ...] = ()
    exclusive: str = ""


QUESTIONS: Final[tuple[Question, ...]] = (
    Question(
        "Q1",
        0,
        "double",
        {"produit_service": 30, "projets": 30, "production": 30, "partenaires": 32, "stock_entrant": 36}
        | {"vente_client": 46, "livraison": 46, "admin_rh": 52, "achats": 38, "securite_rgpd": 46},
    ),
    Question(
        "Q2",
        0,
        "multi",
        {"besoins_alignes": 40, "budget_1an": 36, "infra_prete": 52, "specialiste": 42, "direction_moteur": 50}
        | {"equipes_pretes": 45, "processus_adaptables": 42, "services_associes": 30, "avis_clients": 50}
        | {"risques_vus": 24},
    ),
    Question(
        "Q3",
        1,
        "multi",
        {"connexion_cloud": 66, "site_web": 66, "formulaires_blog": 34, "messagerie_reseaux": 60, "vente_en_ligne": 24}
        | {"publicite_en_ligne": 30, "demarches_publiques": 72, "collaboration_distance": 46, "intranet": 22}
        | {"logiciel_gestion": 52},
    ),
    Question(
        "Q4",
        1,
        "echelle",
        {"jumeau_numerique": 5, "realite_augmentee": 6, "cao_fao": 14, "pilotage_atelier": 8, "objets_connectes": 20}
        | {"registre_distribue": 3, "impression_3d": 8},
        workshop=("cao_fao", "pilotage_atelier", "impression_3d"),
    ),
    Question(
        "Q5",
        2,
        "multi",
        {"bilan_competences": 20, "plan_formation": 28, "formations_courtes": 52, "apprentissage_terrain": 58}
        | {"stages_alternance": 26, "formations_externes": 32, "dispositifs_aides": 36},
    ),
    Question(
        "Q6",
        2,
        "multi",
        {"sensibilisation": 50, "plans_partages": 38, "acceptation_suivie": 28, "co_conception": 30}
        | {"autonomie_outils": 40, "postes_adaptes": 30, "travail_flexible": 38, "support_interne": 34},
    ),
    Question(
        "Q7",
        3,
        "multi",
        {"politique_donnees": 26, "stockage_numerique": 76, "integration": 38, "acces_temps_reel": 48}
        | {"analyse_decision": 34, "sources_externes": 20, "tableaux_de_bord": 36},
        exclusive="non_numerisees",
    ),
    Question(
        "Q8",
        3,
        "multi",
        {"politique_securite": 34, "donnees_clients_protegees": 58, "personnel_forme": 30, "menaces_suivies": 48}
        | {"sauvegarde_hors_site": 54, "plan_continuite": 20},
    ),
    Question("Q9", 4, "echelle", {"langage": 34, "image": 12, "voix": 12, "robotique": 7, "aide_decision": 20}),
    Question(
        "Q10",
        5,
        "multi",
        {"modele_durable": 30, "service_durable": 30, "produit_durable": 30, "production_durable": 32}
        | {"emissions_dechets": 34, "energie_propre": 24, "matieres_optimisees": 36, "transport_emballage": 36}
        | {"client_responsable": 32, "sans_papier": 60},
    ),
    Question(
        "Q11",
        5,
        "tri",
        {"strategie_environnement": 34, "management_certifie": 14, "achats_responsables": 34, "conso_suivie": 30}
        | {"reemploi_materiel": 62},
    ),
    Question(
        "E1",
        6,
        "multi",
        {"fiche_etablissement": 62, "catalogue_en_ligne": 36, "paiement_en_ligne": 26, "retrait_livraison": 28}
        | {"fidelisation": 20, "stock_unifie": 12},
    ),
    Question(
        "E2",
        6,
        "multi",
        {"site_multilingue": 16, "place_de_marche_etrangere": 8, "paiement_devises": 10, "logistique_export": 8}
        | {"support_langue": 10, "veille_pays": 9},
    ),
    Question(
        "E3",
        7,
        "multi",
        {"expert_partage": 6, "achats_groupes": 18, "outil_commun": 10, "formation_commune": 12, "donnees_filiere": 6},
    ),
    Question(
        "E4",
        7,
        "multi",
        {"club_federation": 34, "relation_cci_cma": 42, "collectivite": 22, "mentor": 10, "place_de_marche_locale": 12},
    ),
)
"""The questions of the referential DMA-PME/2026.1, in order."""


def chance(percent: int, maturity: float) -> float:
    """Chance of a practice that `percent` of average companies have, at a maturity in standard deviations."""
    return 1 / (1 + exp(-(log(percent / (100 - percent)) + CALIBRATION + STEEPNESS * maturity)))


def draw_answer(question: Question, maturity: float, rng: Random, *, workshop: bool) -> Answer:
    """One answer to one question, in the form that the diagnosis takes.

    Args:
        question: the question.
        maturity: of the company in this dimension, in standard deviations.
        rng: source of chance.
        workshop: whether the company makes something.
    """
    if rng.random() < UNKNOWN:
        return "ne_sait_pas"
    chances = {item: chance(percent, maturity) for item, percent in question.items.items()}
    match question.kind:
        case "multi":
            chosen = [item for item, p in chances.items() if rng.random() < p]
            return chosen or ([question.exclusive] if question.exclusive else [])
        case "double":
            done = [item for item, p in chances.items() if rng.random() < p]
            open_items = [item for item in chances if item not in done]
            return {"investi": done, "prevu": [item for item in open_items if rng.random() < 0.3]}
        case "tri":
            return {item: _word(p, rng.random()) for item, p in chances.items()}
        case "echelle":
            return {item: _level(item, p, question, rng, workshop=workshop) for item, p in chances.items()}


def _word(p: float, drawn: float) -> str:
    """Yes, or partly for those who are close to it."""
    if drawn < p * 0.75:
        return "oui"
    return "partiel" if drawn < p * 0.75 + 0.25 else "non"


def _level(item: str, p: float, question: Question, rng: Random, *, workshop: bool) -> int | str:
    """0 (not used) to 5 (in operation)."""
    if item in question.workshop and not workshop and rng.random() < NOT_CONCERNED:
        return "non_concerne"
    if rng.random() < p:
        return 5 if rng.random() < 0.6 else 4
    return min(3, int(rng.random() * (1 + 4 * p)))

"""What French SMEs are like: activities, sizes, legal forms and digital gaps, as shares that a population is drawn by.

The shares are approximations made for a demonstration, rounded from INSEE, « Les entreprises en France », 2024 edition
(data of 2022: market sectors without agriculture) and from the Sirene register (2026) for legal forms. The digital
gaps follow the order that the France Num barometer (2025) and Eurostat's Digital Intensity Index (2023) give: more
digital with size and in information, finance and professional services, less in construction, catering and crafts.
"""

from typing import Final, NamedTuple


class Sector(NamedTuple):
    """One NAF section.

    Attributes:
        share: companies of the section, in thousandths of all.
        maturity: digital gap to the average company, in standard deviations.
        size: how much likelier than average its companies have employees (1.0: average).
        codes: NAF rév. 2 code → weight inside the section.
        trades: first words of a company name.
    """

    share: int
    maturity: float
    size: float
    codes: dict[str, int]
    trades: tuple[str, ...]


SECTORS: Final[dict[str, Sector]] = {
    "C": Sector(
        62,
        0.10,
        2.2,
        {"10.71C": 22, "10.13A": 3, "11.05Z": 2, "13.92Z": 4, "14.13Z": 3, "16.23Z": 5, "18.12Z": 6, "20.42Z": 3}
        | {"22.29A": 4, "25.62B": 8, "25.11Z": 5, "26.51B": 2, "28.29B": 3, "31.09B": 5, "32.50A": 4, "33.12Z": 7},
        ("Ateliers", "Fabrique", "Boulangerie", "Métallerie", "Manufacture", "Imprimerie", "Mécanique"),
    ),
    "F": Sector(
        130,
        -0.45,
        1.3,
        {"41.20A": 10, "43.21A": 18, "43.22A": 16, "43.22B": 6, "43.31Z": 9, "43.32A": 12, "43.33Z": 7, "43.34Z": 13}
        | {"43.39Z": 8, "43.91A": 7, "43.99C": 20, "42.11Z": 2, "43.12A": 6},
        ("Maçonnerie", "Électricité", "Plomberie", "Menuiserie", "Toitures", "Peinture", "Bâtiment"),
    ),
    "G": Sector(
        168,
        0.05,
        1.1,
        {"45.11Z": 8, "45.20A": 14, "46.19B": 10, "46.90Z": 6, "46.34Z": 3, "46.69B": 3, "47.11B": 7, "47.22Z": 4}
        | {"47.24Z": 3, "47.59A": 4, "47.71Z": 12, "47.73Z": 5, "47.76Z": 5, "47.78C": 9, "47.91B": 22, "47.89Z": 6},
        ("Comptoir", "Boutique", "Garage", "Épicerie", "Négoce", "Maison", "Marché"),
    ),
    "H": Sector(
        66,
        -0.25,
        0.7,
        {"49.32Z": 22, "49.41A": 10, "49.41B": 6, "49.42Z": 4, "53.20Z": 20, "52.29A": 3, "49.39B": 2},
        ("Transports", "Taxis", "Livraison", "Logistique", "Déménagement"),
    ),
    "I": Sector(
        70,
        -0.40,
        1.7,
        {"56.10A": 38, "56.10C": 26, "56.30Z": 16, "55.10Z": 8, "55.20Z": 9, "56.21Z": 4, "55.30Z": 1},
        ("Restaurant", "Brasserie", "Auberge", "Traiteur", "Hôtel", "Café", "Crêperie"),
    ),
    "J": Sector(
        56,
        1.15,
        0.8,
        {"62.01Z": 24, "62.02A": 26, "62.09Z": 6, "63.11Z": 4, "63.12Z": 4, "58.29C": 3, "59.11A": 8, "58.11Z": 3},
        ("Studio", "Logiciels", "Agence web", "Data", "Éditions", "Numérique"),
    ),
    "K": Sector(
        36,
        0.60,
        0.8,
        {"66.22Z": 14, "66.19B": 6, "64.20Z": 12, "66.21Z": 2, "64.99Z": 1},
        ("Assurances", "Courtage", "Conseil financier", "Patrimoine"),
    ),
    "L": Sector(
        54,
        0.05,
        0.5,
        {"68.20B": 16, "68.31Z": 14, "68.20A": 8, "68.10Z": 6, "68.32A": 4},
        ("Immobilier", "Agence", "Gestion", "Résidences"),
    ),
    "M": Sector(
        138,
        0.45,
        0.9,
        {"69.10Z": 8, "69.20Z": 6, "70.22Z": 30, "71.11Z": 7, "71.12B": 12, "73.11Z": 8, "74.10Z": 12, "74.20Z": 6}
        | {"74.90B": 8, "75.00Z": 3, "72.19Z": 1},
        ("Conseil", "Cabinet", "Ingénierie", "Architecture", "Études", "Communication"),
    ),
    "N": Sector(
        72,
        -0.10,
        1.1,
        {"81.21Z": 12, "81.30Z": 16, "82.11Z": 6, "82.99Z": 10, "77.11A": 3, "77.39Z": 5, "79.11Z": 3, "80.10Z": 4},
        ("Services", "Paysages", "Propreté", "Sécurité", "Location", "Voyages"),
    ),
    "P": Sector(
        42,
        0.15,
        0.6,
        {"85.59A": 14, "85.59B": 14, "85.51Z": 10, "85.53Z": 4, "85.52Z": 5},
        ("Formation", "École", "Académie", "Cours"),
    ),
    "Q": Sector(
        30,
        0.05,
        1.0,
        {"86.90E": 10, "86.21Z": 4, "86.23Z": 4, "88.10A": 5, "88.91A": 3, "87.10A": 1},
        ("Santé", "Centre de soins", "Aide à domicile", "Crèche"),
    ),
    "R": Sector(
        28,
        0.10,
        0.6,
        {"90.01Z": 6, "90.03A": 8, "93.13Z": 4, "93.29Z": 5, "93.12Z": 2},
        ("Loisirs", "Spectacles", "Sport", "Atelier d’art"),
    ),
    "S": Sector(
        48,
        -0.30,
        0.8,
        {"96.02A": 20, "96.02B": 14, "95.11Z": 4, "95.29Z": 5, "96.01B": 3, "96.09Z": 12, "95.25Z": 1},
        ("Coiffure", "Esthétique", "Réparation", "Pressing", "Cordonnerie"),
    ),
}
"""NAF section → what its companies are like."""

HEADCOUNTS: Final[dict[str, tuple[int, float]]] = {
    "NN": (520, -0.30),
    "00": (70, -0.25),
    "01": (195, -0.05),
    "02": (95, 0.15),
    "03": (50, 0.35),
    "11": (37, 0.60),
    "12": (23, 0.85),
    "21": (6, 1.15),
    "22": (3, 1.40),
    "31": (1, 1.55),
}
"""INSEE headcount band → (share in thousandths, digital gap in standard deviations); from 250 on it is no SME."""

EMPLOYERS_FROM: Final = 2
"""Bands from this rank on have employees: their shares are multiplied by `Sector.size`."""

REGIONS: Final[dict[str, float]] = {
    "11": 0.30,
    "84": 0.05,
    "93": 0.05,
    "52": 0.08,
    "53": 0.05,
    "76": 0.02,
    "75": -0.02,
    "44": -0.08,
    "32": -0.10,
    "28": -0.12,
    "24": -0.10,
    "27": -0.15,
    "94": -0.15,
    "01": -0.30,
    "02": -0.30,
    "03": -0.40,
    "04": -0.25,
    "06": -0.55,
}
"""INSEE region → digital gap in standard deviations: our own spread, in the order of surveys of web use."""

ALONE_FORMS: Final[dict[str, int]] = {"1000": 62, "5720": 18, "5498": 10, "5499": 6, "6540": 4}
"""Legal category → weight, for companies without employees."""

EMPLOYER_FORMS: Final[dict[str, int]] = {"5499": 40, "5710": 26, "5498": 10, "5720": 12, "1000": 10, "5599": 2}
"""Legal category → weight, for companies with employees."""

QUALIFIERS: Final = (
    *("des Alpes", "du Rhône", "de la Loire", "du Littoral", "des Vosges", "du Bocage", "de l’Ouest", "du Midi"),
    *("des Deux Rives", "du Vieux Port", "du Moulin", "des Halles", "de la Gare", "du Canal", "des Tilleuls"),
    *("Horizon", "Boréal", "Lumière", "Nouvelle Vague", "Cap Sud", "Équinoxe", "Mistral", "Trait d’Union"),
    *("du Marais", "de la Plaine", "des Sources", "du Phare", "des Remparts", "de la Vallée", "du Verger", "Bel Air"),
)
"""Second words of a company name; none is a person's name."""

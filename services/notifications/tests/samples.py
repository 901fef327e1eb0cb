"""Realistic facts of every kind, as the producers publish them (with fields this service ignores)."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from common.declare.aggregate import NOTHING
from common.declare.event import derive_id
from common.declare.message import Message
from common.testing.rules import decided, message_of
from notifications.messages.model import MessageToSend
from notifications.messages.planning import Contact, Mail, Waiting, mail_id
from notifications.messages.table import BY_TEMPLATE
from notifications.service import SERVICE

SIREN = "732829320"
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
CALCULATION = (
    "50\u00a0% de 5\u202f000,50\u00a0€ de dépenses hors taxes, soit 2\u202f500,25\u00a0€, ramenés à "
    "2\u202f500,00\u00a0€\u00a0: c’est le montant fixé par l’instructeur."
)
ROOT = UUID("019abc00-0000-7000-8000-000000000001")

EVENTS: dict[str, dict[str, Any]] = {
    "diagnostic_completed": {
        "siren": SIREN,
        "diagnostic_id": "b2b6b9c0-0000-7000-8000-000000000001",
        "kind": "complet",
        "stage": "T0",
        "referential": "DMA-PME/2026.1",
        "completed_at": "2026-11-23T09:12:00Z",
        "scores": {
            "D1": 52.5,
            "D2": 40.714285714285715,
            "D3": 46.42857142857143,
            "D4": 61.904761904761905,
            "D5": 16.0,
            "D6": 45.0,
            "C1": 30.0,
            "C2": 20.0,
        },
        "global_score": 43.75793650793651,
        "band": "intermediaire",
        "gaps": ["outils_sans_competences"],
        "measures": [
            {
                "id": "sauvegarde_hors_site",
                "label": "Mettre en place une sauvegarde hors site & la tester",
                "dimension": "D4",
                "subject": "cybersecurite",
                "spend_categories": ["cybersecurite"],
            },
            {
                "id": "plan_formation",
                "label": "Bâtir un plan de formation",
                "dimension": "D3",
                "subject": "competences_formation",
                "spend_categories": ["formation_accompagnement"],
            },
        ],
        "company": {"siret": "73282932000074", "name": "DUPONT"},
        "valid_until": "2027-11-22",
    },
    "connector_matched": {
        "siren": SIREN,
        "need_id": "b2b6b9c0-0000-5000-8000-000000000002",
        "subject": "cybersecurite",
        "round": 1,
        "expires_at": "2026-11-26T23:00:00Z",
        "proposals": [
            {
                "match_id": f"b2b6b9c0-0000-5000-8000-00000000001{rank}",
                "connector_id": f"c{rank}",
                "connector_name": name,
                "institution": institution,
                "type": kind,
                "tier": tier,
                "rank": rank,
                "score": 90.0 - rank,
                "reasons": reasons,
                "missing": missing,
            }
            for rank, name, institution, kind, tier, reasons, missing in [
                (
                    1,
                    "Conseil numérique",
                    "CCI de Lyon",
                    "cci",
                    "benevole",
                    ["Intervient dans votre commune", "Sujet principal : cybersécurité"],
                    [],
                ),
                (
                    2,
                    "Cabinet Martin & associés",
                    "Ordre des experts-comptables",
                    "expert_comptable",
                    "professionnel",
                    ["Connaît votre secteur"],
                    ["ancienneté de l’entreprise"],
                ),
                (3, "CMA Auvergne-Rhône-Alpes", "CMA", "cma", "benevole", ["Couvre votre département"], []),
            ]
        ],
        "region": "84",
    },
    "need_unserved": {
        "siren": SIREN,
        "need_id": "n",
        "rounds": 3,
        "missing_coverage": ["sans_reponse:cybersecurite"],
        "region": "84",
    },
    "match_accepted": {"siren": SIREN, "need_id": "n", "match_id": "m", "round": 1, "region": "84"},
    "aids_recommended": {
        "siren": SIREN,
        "need_id": "n",
        "programmes": [
            {
                "id": "p1",
                "name": "Diagnostic cyber gratuit",
                "nature": "accompagnement",
                "verdict": "eligible",
                "reasons": ["Ouvert à toutes les PME"],
                "missing": [],
                "url": "https://www.cybermalveillance.gouv.fr/",
                "operator": "GIP ACYMA",
            },
            {
                "id": "p2",
                "name": "Prêt <croissance>",
                "nature": "pret",
                "verdict": "inconnu",
                "reasons": [],
                "missing": ["chiffre d’affaires"],
                "url": "javascript:alert(1)",
                "operator": "Banque publique",
            },
        ],
        "region": "84",
    },
    "label_applied": {"siren": SIREN, "application_id": "CAND-1", "charter_version": "2026.1"},
    "label_granted": {
        "siren": SIREN,
        "label_id": "CC-2026-000042",
        "cohort_year": 2026,
        "rank": 42,
        "score": 47.0,
        "exemplary": True,
        "granted_at": "2026-11-23T09:15:00Z",
        "expires_at": "2028-11-23T23:00:00Z",
        "verification_path": "/v1/labels/CC-2026-000042",
        "region": "84",
        "name": "DUPONT",
    },
    "label_refused": {
        "siren": SIREN,
        "application_id": "CAND-2",
        "reasons": ["Score global de 43,8 : il faut plus de 50.", "L’entreprise n’est plus en activité."],
        "codes": ["score_global", "entreprise_inactive"],
    },
    "label_waitlisted": {"siren": SIREN, "application_id": "CAND-3", "cohort_year": 2026, "position": 17},
    "label_expired": {"siren": SIREN, "label_id": "CC-2026-000042", "expired_at": "2028-11-23T23:00:00Z"},
    "voucher_requested": {
        "siren": SIREN,
        "voucher_id": "V-1",
        "envelope_id": "2026",
        "amount_asked_cents": 250000,
        "lines": [
            {"category": "site_ecommerce", "supplier_siren": "552100554", "amount_cents": 400050, "measure_id": "x"},
            {"category": "cybersecurite", "supplier_siren": "552100554", "amount_cents": 100000, "measure_id": "y"},
        ],
        "de_minimis_declared_cents": 0,
        "reply_by": "2026-12-23",
        "region": "84",
        "reserved": True,
        "calculation": CALCULATION,
    },
    "voucher_reserved": {
        "siren": SIREN,
        "voucher_id": "V-3",
        "envelope_id": "2026",
        "amount_cents": 250000,
        "reply_by": "2026-12-23",
        "calculation": CALCULATION,
        "region": "84",
    },
    "voucher_granted": {
        "siren": SIREN,
        "voucher_id": "V-1",
        "envelope_id": "2026",
        "amount_cents": 250000,
        "rate_percent": 50,
        "agreement_by": "2027-05-01",
        "claim_by": "2027-11-23",
        "region": "84",
        "ceiling": "instructeur",
        "calculation": CALCULATION,
    },
    "voucher_refused": {
        "siren": SIREN,
        "voucher_id": "V-2",
        "reasons": ["L’entreprise doit être à jour de ses cotisations sociales."],
        "codes": ["obligations_sociales"],
        "envelope_id": "2026",
        "region": "84",
    },
    "voucher_waitlisted": {"siren": SIREN, "voucher_id": "V-3", "envelope_id": "2026", "position": 5, "region": "84"},
    "voucher_renounced": {
        "siren": SIREN,
        "voucher_id": "V-4",
        "envelope_id": "2026",
        "released_cents": 100000,
        "status": "renonce",
        "reason": "",
        "region": "84",
    },
    "voucher_expired": {
        "siren": SIREN,
        "voucher_id": "V-5",
        "envelope_id": "2026",
        "released_cents": 100000,
        "reason": "sans_decision",
        "region": "84",
    },
}


def fact(template: str, **changes: Any) -> Any:
    """The input of a kind, decoded from a realistic event as the core does it."""
    return msgspec.json.decode(msgspec.json.encode(EVENTS[template] | changes), type=BY_TEMPLATE[template][0])


def message(content: Any, index: int = 0, siren: str = SIREN) -> Message[Any]:
    """A message of the core around an input."""
    return message_of(content, siren, NOW, id=derive_id(ROOT, index), region="84")


def told(template: str, index: int = 0, **changes: Any) -> MessageToSend:
    """The row that a fact leads to."""
    (row,) = decided(SERVICE, NOTHING, message(fact(template, **changes), index)).rows
    assert isinstance(row, MessageToSend)
    return row


CONTACT = Contact(SIREN, derive_id(ROOT, 5000), "camille@exemple.fr", "Camille Martin", ("email",), (), None)


def waiting(template: str, index: int = 0, **changes: Any) -> Waiting:
    """A message that waits, recorded and ready now; `changes` replaces columns."""
    row = told(template, index)
    made = Waiting(SIREN, row.cause, template, row.legal, msgspec.json.encode(row.fact), "84", NOW, NOW, 0, None)
    return made._replace(**changes)


def mail(*templates: str, contact: Contact = CONTACT, **changes: Any) -> Mail:
    """A mail of messages of these kinds."""
    rows = [
        waiting(template)._replace(fact=msgspec.json.encode(fact(template, **changes)), cause=derive_id(ROOT, index))
        for index, template in enumerate(templates)
    ]
    return Mail(mail_id(rows[0].cause), contact, tuple(rows))

"""Build the tables of places of `apps/cli/croissance/data` from the npm package @etalab/decoupage-administratif.

Run once a year, when the new official geographic code is published:

    npm pack @etalab/decoupage-administratif@6.0.0
    tar xzf etalab-decoupage-administratif-6.0.0.tgz
    python tools/commune_table.py package

Keeps the communes of the 18 regions with their legal population; Paris, Lyon and Marseille are replaced by their
arrondissements, as in INSEE's Sirene register.
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "apps" / "cli" / "croissance" / "data" / "communes.csv.gz"
HEADER = "code,name,departement,region,population"
DEPARTEMENTS = TARGET.with_name("departements.csv")


def rows(communes: list[dict[str, Any]]) -> list[str]:
    """CSV lines of the inhabited communes of the 18 regions, sorted by code."""
    split = {commune["commune"] for commune in communes if commune["type"] == "arrondissement-municipal"}
    kept = [
        commune
        for commune in communes
        if commune["type"] in {"commune-actuelle", "arrondissement-municipal"}
        and commune["zone"] in {"metro", "drom"}
        and commune["code"] not in split
        and commune.get("population")
    ]
    fields = ("code", "nom", "departement", "region", "population")
    return sorted(",".join(str(commune[field]) for field in fields) for commune in kept)


def main(package: str) -> int:
    """Write the table and say how large it is."""
    communes = json.loads((Path(package) / "data" / "communes.json").read_text("utf-8"))
    lines = rows(communes)
    text = "\n".join([HEADER, *lines, ""])
    TARGET.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
    print(f"{TARGET}: {len(lines)} communes, {TARGET.stat().st_size} bytes")
    departements = json.loads((Path(package) / "data" / "departements.json").read_text("utf-8"))
    names = [f"{each['code']},{each['nom']},{each['region']}" for each in departements if each["zone"] != "com"]
    DEPARTEMENTS.write_text("\n".join(["code,name,region", *names, ""]), "utf-8")
    print(f"{DEPARTEMENTS}: {len(names)} départements")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tools/commune_table.py PACKAGE_FOLDER")
    sys.exit(main(sys.argv[1]))

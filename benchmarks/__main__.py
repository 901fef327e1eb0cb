"""`python -m benchmarks`: what the chain costs on this machine."""

import sys
from typing import Annotated, Any

import typer
import uvloop

from benchmarks import chain, counters, envelope, latency, matching, peer, reads, results, skyline
from benchmarks.sample import take

app = typer.Typer(help=__doc__, no_args_is_help=True, rich_markup_mode=None)

Companies = Annotated[int, typer.Option(help="Companies that travel through the chain.", min=100)]
PeerCompanies = Annotated[int, typer.Option(help="Companies for the peer: it is slow.", min=50)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, nothing else.")]


def tell(text: str) -> None:
    """Progress goes to stderr."""
    print(text, file=sys.stderr, flush=True)


async def _chain(companies: int) -> dict[str, Any]:
    async with chain.fresh_system(tell) as stack:
        outcome = await chain.run(stack, companies, say=tell)
    findings = outcome.findings
    return {
        "companies": companies,
        "seconds": round(outcome.seconds, 2),
        "rate": round(outcome.rate, 1),
        "rate_by_decile": outcome.deciles,
        "events": outcome.events,
        "audit_clean": findings is not None and findings.ok,
        "audit_seconds": round(outcome.audit_seconds, 1),
        **results.costs(outcome.cost, companies),
    }


async def _skyline(companies: int) -> dict[str, Any]:
    sample = await take(tell)
    outcome = await skyline.run(companies, sample, say=tell)
    return {
        "companies": companies,
        "seconds": round(outcome.seconds, 2),
        "rate": round(outcome.rate, 1),
        "events": outcome.events,
        "messages": outcome.messages,
        **results.costs(outcome.cost, companies),
    }


async def _peer(companies: int) -> dict[str, Any]:
    sample = await take(tell)
    outcome = await peer.run(companies, sample, say=tell)
    return {
        "companies": companies,
        "seconds": round(outcome.seconds, 2),
        "rate": round(outcome.rate, 1),
        **results.costs(outcome.cost, companies),
    }


def _report(name: str, document: dict[str, Any], *, as_json: bool) -> None:
    """Keep and show one result."""
    file = results.keep(name, document)
    if as_json:
        print(file.read_text("utf-8"))
        return
    parts = {key: document[key] for key in ("chain", "skyline", "peer") if key in document} or {name: document}
    rows: list[list[object]] = []
    for part, found in parts.items():
        cpu = sum(found["cpu_seconds_per_1000"].values())
        memory = max(found["resident_mib"].values())
        rows.append(
            [part, f"{found['companies']:,}", f"{found['rate']:,}/s", f"{found['seconds']} s", f"{cpu:.2f} s", memory]
        )
    results.show(name, ["what", "companies", "rate", "time", "CPU / 1,000", "largest MiB"], rows)
    for part, found in parts.items():
        cpu = ", ".join(f"{role} {used:.2f}" for role, used in found["cpu_seconds_per_1000"].items())
        results.out.print(f"{part}: CPU seconds for 1,000 companies: {cpu}")
        if "rate_by_decile" in found:
            results.out.print(
                f"{part}: companies/s by decile: {found['rate_by_decile']}; audit clean: {found['audit_clean']}"
            )
    for ratio in ("ratio_to_skyline", "ratio_to_peer"):
        if ratio in document:
            results.out.print(f"{ratio}: {document[ratio]}")
    results.out.print(f"kept in {file.relative_to(results.FOLDER.parent.parent)}")


@app.command("all")
def compare(*, companies: Companies = 100_000, peer_companies: PeerCompanies = 500, as_json: AsJson = False) -> None:
    """Chain, skyline and peer one after the other, each on a broker and a database of its own, and the two ratios."""
    document: dict[str, Any] = {"chain": uvloop.run(_chain(companies))}
    document["skyline"] = uvloop.run(_skyline(companies))
    document["peer"] = uvloop.run(_peer(peer_companies))
    rate = document["chain"]["rate"]
    document["ratio_to_skyline"] = round(rate / document["skyline"]["rate"], 3)
    document["ratio_to_peer"] = round(rate / document["peer"]["rate"], 1)
    _report("all", document, as_json=as_json)


@app.command("chain")
def only_chain(*, companies: Companies = 100_000, as_json: AsJson = False) -> None:
    """The product: companies through the six services, registration to last notification recorded, then the audit."""
    _report("chain", uvloop.run(_chain(companies)), as_json=as_json)


@app.command("skyline")
def only_skyline(*, companies: Companies = 100_000, as_json: AsJson = False) -> None:
    """The limit: the same volumes written by hand on aiokafka and asyncpg."""
    _report("skyline", uvloop.run(_skyline(companies)), as_json=as_json)


@app.command("peer")
def only_peer(*, companies: PeerCompanies = 500, as_json: AsJson = False) -> None:
    """The usual way: FastStream, pydantic, SQLAlchemy, one message a handler, faststream-outbox."""
    _report("peer", uvloop.run(_peer(companies)), as_json=as_json)


@app.command("france")
def france(*, companies: Companies = 3_000_000, as_json: AsJson = False) -> None:
    """All of France: three million companies, with rate and memory by decile, and a clean audit."""
    _report("france", uvloop.run(_chain(companies)), as_json=as_json)


for measure in (latency.latency, envelope.envelope, matching.matching, reads.reads, counters.counters):
    app.command()(measure)

if __name__ == "__main__":
    app()

"""The `sandbox` command: serves one or both emulated CRMs, seeded as asked."""

import argparse
import importlib
from collections.abc import Sequence

from starlette.types import ASGIApp

from tieline.sandbox.kernel.app import make_app
from tieline.sandbox.kernel.crm import SandboxCrm
from tieline.sandbox.kernel.server import serve
from tieline.sandbox.kernel.values import JsonObject
from tieline.sandbox.model import create_model

CRMS = ("salesforce", "hubspot")
DEFAULT_PORTS = {"salesforce": 8801, "hubspot": 8802}


def create_crm(name: str, settings: JsonObject) -> SandboxCrm:
    """An emulated CRM by name; its package offers `create(settings) -> SandboxCrm`."""
    module = importlib.import_module(f"tieline.sandbox.{name}")
    crm: SandboxCrm = module.create(settings)
    return crm


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses `arguments` (the process's own by default) and serves until SIGINT or SIGTERM."""
    options = _parser().parse_args(arguments)
    names = options.crm or list(CRMS)
    apps: dict[str, ASGIApp] = {}
    for name in names:
        crm = create_crm(name, _settings(name, options))
        if options.contacts:
            crm.seed({"contacts": options.contacts, "seed": options.seed})
        apps[name] = make_app(crm)
    ports = _ports(names, options.port)
    if options.model:
        apps["model"] = create_model()
    serve(apps, options.host, ports, announce=True)


def _settings(name: str, options: argparse.Namespace) -> JsonObject:
    settings: JsonObject = {}
    if name == "salesforce" and options.org_id:
        settings["org_id"] = options.org_id
    if name == "hubspot" and options.portal_id:
        settings["portal_id"] = options.portal_id
    return settings


def _ports(names: Sequence[str], port: int | None) -> dict[str, int]:
    """A given port is the first CRM's and the next one the second's; 0 takes free ones."""
    if port is None:
        return {name: DEFAULT_PORTS[name] for name in names}
    return {name: port + at if port else 0 for at, name in enumerate(names)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tieline sandbox", description="Serve emulated CRMs on loopback.")
    parser.add_argument("--crm", action="append", choices=CRMS, help="which CRM (default: both)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--port", type=int, help="port of the first CRM, the second takes the next; 0: free ones"
    )
    parser.add_argument("--contacts", type=int, default=0, help="how many made-up contacts to put in")
    parser.add_argument("--seed", type=int, default=1, help="which made-up contacts")
    parser.add_argument("--model", action="store_true", help="also an emulated model, on a free port")
    parser.add_argument("--org-id", help="Salesforce organisation id (00D...)")
    parser.add_argument("--portal-id", type=int, help="HubSpot portal id")
    return parser

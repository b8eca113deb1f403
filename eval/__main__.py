"""`make eval`: merges and extraction on the labelled sets, with no model, the packaged small one, a configured one."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from eval.conversations import conversations
from eval.engines import NAMES, Engine, engines
from eval.keeping import keep, kept, write_docs
from eval.merge_cases import merge_cases, said_again, sequences
from eval.merge_engines import MergeEngine
from eval.running import Report, Sets, run_fields, run_merges
from eval.showing import shown
from eval.small_model import NotInstalledError
from eval.tables import Figures, tables
from tieline.config import SettingsError
from tieline.domain.facts import MergeStrategy
from tieline.ports.llm import LlmError


def main() -> None:
    """Measures, prints the tables, and keeps the figures if asked to. Exits 1 if anything was lost or invented."""
    options = _options()
    try:
        reports = asyncio.run(_measured(options))
    except (NotInstalledError, SettingsError, LlmError) as error:
        sys.exit(str(error))
    for report in reports:
        for text in shown(report, options.show) if options.show else ():
            print(text)
    figures = [report.figures() for report in reports]
    print(tables(figures))
    if options.write:
        keep(figures)
        write_docs(kept())
    sys.exit("Something was lost or invented: see --show wrong." if _broken(figures) else None)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make eval ARGS=...", description=main.__doc__)
    parser.add_argument(
        "--engine", action="append", choices=[*NAMES, "all"], help="default: none, and small if installed"
    )
    parser.add_argument("--part", action="append", choices=["merges", "drift", "fields"], help="default: all")
    parser.add_argument("--strategy", action="append", choices=[one.value for one in MergeStrategy])
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="only each Nth case, for a quick look"
    )
    parser.add_argument("--show", metavar="WHAT", help="'wrong', 'all', or the name of a case")
    parser.add_argument(
        "--write", action="store_true", help="keep the figures and write docs/evaluation.md anew"
    )
    return parser.parse_args()


async def _measured(options: argparse.Namespace) -> list[Report]:
    sets, reports = _sets(options), []
    for engine in engines(options.engine):
        with engine:
            reports += await _reports(engine, sets, [MergeStrategy(one) for one in options.strategy or ()])
    return reports


def _sets(options: argparse.Namespace) -> Sets:
    parts = options.part or ["merges", "drift", "fields"]
    return Sets(
        merge_cases() if "merges" in parts else (),
        (*sequences(), said_again(merge_cases())) if "drift" in parts else (),
        conversations() if "fields" in parts else (),
    ).every(options.every)


async def _reports(engine: Engine, sets: Sets, strategies: Sequence[MergeStrategy]) -> list[Report]:
    done = 0

    def progress(case: str) -> None:
        nonlocal done
        done += 1
        if sys.stderr.isatty():
            print(f"\r{engine.name}: {done:4d} {case[:50]:50}", end="", file=sys.stderr, flush=True)

    reports = []
    for strategy in [one for one in engine.strategies if not strategies or one in strategies]:
        report = Report(engine.name, strategy.value)
        if sets.merges or sets.sequences:
            await run_merges(report, MergeEngine(engine.merge_model(), strategy), sets, progress)
        reports.append(report)
    if sets.conversations and reports:
        if (found := engine.field_engine()) is None:
            reports[0].no_fields = True
        else:
            await run_fields(reports[0], found, sets, progress)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return reports


def _broken(figures: Sequence[Figures]) -> bool:
    alls = [one["merges"]["all"] for one in figures if "merges" in one]
    points = [point for one in figures for found in one.get("drift", {}).values() for point in found]
    return any(one["lost"] or one["invented"] for one in (*alls, *points))


if __name__ == "__main__":
    main()

"""`alcli demo`: the whole loop on the bundled sample, by the same commands that a user types."""

from __future__ import annotations

import io
import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import alcli
from alcli.cli import comparison
from alcli.cli.common import Common, aligned, command, print_lines, progress_bar, warn
from alcli.cli.comparison import (
    BASELINE,
    ROUNDS,
    Curves,
    curve,
    has_asked,
    open_project,
    run_baseline,
    saving,
    strategy_of,
)
from alcli.errors import AlcliError, FileError, StateError

if TYPE_CHECKING:
    from alcli.loop import Result

VALIDATION = 600  # with 300 rows, chance alone moves the difference of two curves by 0.02
_FILES = ("pool.parquet", "oracle.csv")
WRITTEN = ("alcli.yaml", *_FILES, "splits.parquet", "ledger", "labels.parquet", "rounds")
_WHY = {
    "init": "Look at the pool, guess its columns, write a config.",
    "seed": f"Draw {VALIDATION} rows to measure with, and the first rows to learn from.",
    "ingest": "Take in the annotators' answers to the rows asked; here oracle.csv has them.",
    "train": "Fit the model on the labels so far, and measure it on the validation rows.",
    "score": "Let the model say of every other row how much its label would teach it.",
    "query": "Choose the rows that people label next.",
    "status": "See where the loop stands, and what to type next.",
}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "demo",
        reads="the bundled sample: 4,080 dictionary definitions in eight topics",
        writes="DIR, a project that has run a few rounds and waits for labels",
        example="alcli demo --step",
        show=_show,
    )
    def demo(
        common: Common,
        directory: Annotated[
            Path | None,
            typer.Argument(
                metavar="DIR", help="The project directory.  [default: alcli-demo]", show_default=False
            ),
        ] = None,
        step: Annotated[
            bool, typer.Option("--step", help="Say what each command is for, and wait for Enter to run it.")
        ] = False,
    ) -> Result:
        """Run the whole loop on sample data, each command shown."""
        if step and (common.json or common.quiet):
            raise typer.BadParameter("it does not go with --json or --quiet", param_hint="--step")
        if common.config is not None:
            raise typer.BadParameter("the demo writes a config of its own", param_hint="--config")
        folder = directory or (common.project if common.project != Path() else Path("alcli-demo"))
        return _Demo(app, common, _Home.open(folder, common.settings), step=step).run()


@dataclass(frozen=True)
class _Home:
    """The demo's directory, and what it knows of itself in `.alcli/demo.json`.

    Attributes:
        folder: the project directory.
        settings: the `--set` values that the demo was started with.
        curves: None until it is finished.
    """

    folder: Path
    settings: tuple[str, ...]
    curves: Curves | None = None

    @classmethod
    def open(cls, folder: Path, settings: tuple[str, ...]) -> _Home:
        """A new or empty directory, or one where a demo with these settings was begun.

        Raises:
            StateError: anything else is there.
        """
        if not folder.exists() or (folder.is_dir() and not any(p.is_file() for p in folder.rglob("*"))):
            return cls(folder, settings)
        hint = "name another directory: `alcli demo DIR`"
        try:
            known = json.loads((folder / ".alcli" / "demo.json").read_text(encoding="utf-8"))
            home = cls(folder, tuple(known["settings"]), known["curves"])
        except (OSError, ValueError, KeyError) as error:
            raise StateError(
                "this exists already, and is no alcli demo", where=str(folder), hint=hint
            ) from error
        if settings and settings != home.settings:
            found = " ".join(f"--set {setting}" for setting in home.settings) or "no --set"
            raise StateError(f"the demo here was started with {found}", where=str(folder), hint=hint)
        return home

    def save(self) -> None:
        """Write `.alcli/demo.json`."""
        from alcli.tables.atomic import atomic_write, file_errors

        with file_errors(self.folder):
            (self.folder / ".alcli").mkdir(parents=True, exist_ok=True)
        known = {"alcli": alcli.__version__, "settings": self.settings, "curves": self.curves}
        atomic_write(self.folder / ".alcli" / "demo.json", json.dumps(known, indent=1) + "\n")


@dataclass
class _Demo:
    """One run of the demo: shows commands, runs them, compares."""

    app: typer.Typer
    common: Common
    home: _Home
    step: bool
    waits: bool = False
    changed: bool = False
    commands: int = 0
    warnings: list[str] = field(default_factory=list)

    def run(self) -> Result:
        """Go on from where the directory stands to the end."""
        if self.home.curves is None:
            self.changed = True
            self._start()
            for number in range(ROUNDS + 1):
                self._round(number)
            self._command("status")
            self._compare()
        shutil.rmtree(self.home.folder / ".alcli" / BASELINE, ignore_errors=True)
        return self._result()

    @property
    def shown(self) -> bool:
        """Whether commands and their output are printed."""
        return not (self.common.json or self.common.quiet)

    def _start(self) -> None:
        folder = self.home.folder
        begun = (folder / ".alcli" / "demo.json").exists()
        self.home.save()
        copy_sample(folder)
        if self.step and not sys.stdin.isatty():
            warn(["--step cannot wait for Enter: the input is no terminal; going on without"])
        self.waits = self.step and sys.stdin.isatty()
        if begun:
            self._say(f"The demo in {folder} was cut off: going on.")
        else:
            self._say("A pool of 4,080 dictionary definitions in eight topics: person, plant ...")
            self._say(f"Their true topics, {folder / 'oracle.csv'}, stand in for the annotators.")
        if self.waits:
            self._say("Press Enter to run each command, Ctrl-C to leave.")

    def _round(self, number: int) -> None:
        """One round's commands; each changes nothing where it is done already."""
        folder = self.home.folder
        if has_asked(folder, number):
            return
        self._say(f"\n# Round {number}")
        if number == 0:
            if not (folder / "alcli.yaml").exists():
                self._command("init", str(folder), "--pool", str(folder / "pool.parquet"), options=False)
            self._command("seed", "--set", f"split.validation={VALIDATION}")
            return
        self._command("ingest", str(folder / "oracle.csv"), "--requested-only")
        for name in ("train", "score", "query"):
            self._command(name)

    def _command(self, name: str, *arguments: str, options: bool = True) -> None:
        """Show a command as a user types it, and run it, in this process: imports are paid for once."""
        arguments = (name, *arguments)
        if options:
            arguments += ("-C", str(self.home.folder))
            arguments += tuple(part for setting in self.home.settings for part in ("--set", setting))
        arguments += ("--verbose",) * self.common.verbose
        self.commands += 1
        if not self.shown:
            self._run_quietly(arguments)
            return
        if self.step:
            self._say(f"\n# {_WHY[name]}", style="dim")
        self._say(f"$ {shlex.join(['alcli', *arguments])}", style="bold", end="" if self.waits else "\n")
        if self.waits:
            self._wait()
        self._invoke(arguments)

    def _wait(self) -> None:
        sys.stdout.flush()
        if not sys.stdin.readline():  # the end of the input: nobody is there any more
            self.waits = False
            print()

    def _invoke(self, arguments: Sequence[str]) -> None:
        group = typer.main.get_command(self.app)
        with group.make_context("alcli", list(arguments)) as context:
            group.invoke(context)

    def _run_quietly(self, arguments: Sequence[str]) -> None:
        """Run a command for its JSON document: its warnings are kept, its error is raised."""
        output = io.StringIO()
        try:
            with redirect_stdout(output):
                self._invoke([*arguments, "--json"])
        except typer.Exit as stop:
            if not stop.exit_code:
                raise
            found = json.loads(output.getvalue())["error"]
            error = AlcliError(found["message"], where=found["where"], hint=found["hint"])
            error.kind, error.exit_code = found["kind"], stop.exit_code
            raise error from stop
        new = json.loads(output.getvalue())["warnings"]
        self.warnings += [warning for warning in new if warning not in self.warnings]

    def _compare(self) -> None:
        """The learning curves of this project and of one that asked at random, kept for the next time."""
        self._say(
            f"\n# For comparison: the same loop elsewhere, with query.strategy={BASELINE},\n"
            "# on the same validation and seed rows, with as many labels."
        )
        folder = self.home.folder
        scratch = folder / ".alcli" / BASELINE
        with progress_bar(self.common, BASELINE) as progress:
            run_baseline(folder, scratch, (f"split.validation={VALIDATION}", *self.home.settings), progress)
        mine = open_project(folder, self.home.settings)
        curves = {strategy_of(mine): curve(mine)}
        curves[BASELINE] = curve(open_project(scratch, config=folder / "alcli.yaml"))
        self.home = replace(self.home, curves=curves)
        self.home.save()

    def _result(self) -> Result:
        from alcli.loop import Result
        from alcli.status import status

        folder, curves = self.home.folder, self.home.curves or {}
        now = status(open_project(folder, self.home.settings))
        done = [] if self.changed else [f"Up to date: {folder} is a demo that has run to its end."]
        return Result(
            "demo",
            round=now.round,
            changed=self.changed,
            counts={**now.counts, "commands": self.commands},
            files=[str(folder / name) for name in WRITTEN] if self.changed else [],
            warnings=self.warnings,
            summary=done,
            more={"curves": curves, **saving(curves), **todo(folder, now)},
        )

    def _say(self, text: str, style: str = "dim", end: str = "\n") -> None:
        if self.shown:
            self.common.console.print(text, style=style, end=end, markup=False, soft_wrap=True)


def copy_sample(folder: Path) -> None:
    """Put the bundled pool and its true labels into a folder; what is there stays.

    Raises:
        FileError: the sample is not where alcli was installed.
    """
    from alcli.tables.atomic import atomic_write, file_errors

    package = Path(alcli.__file__).parent
    places = (package / "sample_data", package.parent / "sample_data")  # of a wheel; of a source checkout
    source = next((place for place in places if (place / _FILES[0]).is_file()), None)
    if source is None:
        raise FileError("the sample data is missing", where=str(places[0]), hint="install alcli again")
    for name in _FILES:
        for leftover in folder.glob(f".{name}.tmp-*"):
            leftover.unlink()
        if not (folder / name).exists():
            with file_errors(source / name):
                content = (source / name).read_bytes()
            atomic_write(folder / name, content)


def todo(folder: Path, now: Result) -> dict[str, Any]:
    """`query`, the file that waits for labels; `classes` to label with; `next`, what to type by hand."""
    there = [f"cd {shlex.quote(str(folder))}"] if folder.resolve() != Path.cwd() else []
    classes = sorted((now.more["metrics"] or {}).get("per_class", ()))
    if now.more["stage"] != "awaiting_labels" or not now.counts["pending"]:
        return {"query": None, "classes": classes, "next": [*there, "alcli status"]}
    file = f"rounds/{now.round:03d}/query.csv"
    steps = [f"alcli ingest {file}", "alcli train", "alcli score", "alcli query"]
    return {"query": file, "classes": classes, "next": [*there, *steps]}


def _show(result: Result, common: Common) -> None:
    from alcli.cli.plot import look_for, plot

    console, more = common.console, result.more
    curves: Curves = more["curves"]
    lines = plot(
        {name: [(point["labels"], point["accuracy"]) for point in points] for name, points in curves.items()},
        "labels to learn from",
        f"accuracy on {result.counts['validation_labeled']:,} validation rows",
        width=min(console.width, 96),
        look=look_for(console.encoding, styles=("bold green", "yellow")),
    )
    console.print()
    for line in lines:
        console.print(line, soft_wrap=True)
    console.print()
    print_lines(common, aligned(comparison.as_table(curves)), dim_first=True)
    console.print()
    for line in comparison.conclusion(more, curves):
        console.print(line, markup=False)
    _show_todo(result, common)


def _show_todo(result: Result, common: Common) -> None:
    console, more = common.console, result.more
    if more["query"] is None:
        lines = ["Your turn:"]
    else:
        lines = [f"Your turn: {result.counts['pending']:,} rows wait for a label in {more['query']}."]
        lines.append("Write into its label column, for as many rows as you like, one of")
        lines.append(f"  {', '.join(more['classes'])}")
        lines.append("then type")
    console.print()
    console.print(lines[0], style="bold", markup=False)
    steps = [*_on_the_path(), *more["next"]]
    for line in (*lines[1:], *(f"  {step}" for step in steps)):
        console.print(line, soft_wrap=True, markup=False)


def _on_the_path() -> list[str]:
    """What makes `alcli` a command, where the environment that it lies in is not active."""
    beside = Path(sys.executable).parent
    if shutil.which("alcli") is not None or not (beside / "alcli").exists():
        return []
    return [f"PATH={shlex.quote(str(beside))}:$PATH"]

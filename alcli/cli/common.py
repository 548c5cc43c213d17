"""What all commands share: their common options, how results are printed, and how errors end a command."""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alcli.errors import AlcliError

if TYPE_CHECKING:
    from rich.console import Console

    from alcli.loop import Result
    from alcli.project import Project

ToolFormat = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="NAME", help="Write a labeling tool's file beside it: label_studio, ..."
    ),
]


@dataclass(frozen=True)
class Common:
    """The options that every command has."""

    project: Path
    config: Path | None
    settings: tuple[str, ...]
    json: bool
    quiet: bool
    verbose: bool

    def open(self) -> Project:
        """The project; every key and name in its config is checked here, before anything else."""
        from alcli.loop import check_names
        from alcli.loop._predictions import check_predictions
        from alcli.project import Project

        project = Project.open(self.project, self.config, self.settings)
        check_names(project)
        check_predictions(project)
        return project

    @contextmanager
    def writing(self, command: str) -> Iterator[Project]:
        """The project with its lock held."""
        project = self.open()
        _keep_pandas_out()
        with project.writing(command):
            yield project

    @contextmanager
    def simulating(self) -> Iterator[Project]:
        """The project with a lock of its own: simulations stand in nobody's way but each other's."""
        from alcli.project.lock import locked

        project = self.open()
        _keep_pandas_out()
        with locked(project.scratch / "simulate", "simulate"):
            yield project

    @property
    def console(self) -> Console:
        """Where results are printed."""
        return make_console(stderr=False)


class _NoPandas:
    """Stands in the way of `import pandas`."""

    @staticmethod
    def find_spec(name: str, _path: Any = None, _target: Any = None) -> None:
        if name == "pandas":
            raise ImportError(name)


def _keep_pandas_out() -> None:
    """When it makes its first array, pyarrow looks for pandas, and loads it for a third of a second."""
    import pyarrow as pa

    sys.meta_path.insert(0, _NoPandas)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(_NoPandas)


_OPTIONS: dict[str, Any] = {
    "project": (
        Annotated[
            Path,
            typer.Option("--project", "-C", help="The project directory."),
        ],
        Path(),
    ),
    "config": (
        Annotated[
            Path | None,
            typer.Option(help="A config file instead of alcli.yaml."),
        ],
        None,
    ),
    "settings": (
        Annotated[
            list[str] | None,
            typer.Option(
                "--set",
                metavar="KEY=VALUE",
                help="Override a config key: query.batch_size=50. Repeatable.",
            ),
        ],
        None,
    ),
    "json": (
        Annotated[
            bool,
            typer.Option("--json", help="Print one JSON document."),
        ],
        False,
    ),
    "quiet": (
        Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")],
        False,
    ),
    "verbose": (
        Annotated[bool, typer.Option("--verbose", "-v", help="Print more: figures by class, disputed rows.")],
        False,
    ),
}

Shown = Callable[["Result", Common], None]


def command(
    app: typer.Typer, name: str, *, reads: str, writes: str, example: str, show: Shown | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function a command: `function(common, **its_own_options)` returns the `Result` that is printed.

    Its docstring's first line says what the command does; what it reads and writes, and an example, follow.
    """

    def register(function: Callable[..., Result]) -> Callable[..., Any]:
        own = _own_options(function)
        shared = [
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for option, (annotation, default) in _OPTIONS.items()
        ]
        parameters = own + shared

        @wraps(function)
        def run(**values: Any) -> None:
            common = Common(
                values.pop("project"),
                values.pop("config"),
                tuple(values.pop("settings") or ()),
                values.pop("json"),
                values.pop("quiet"),
                values.pop("verbose"),
            )
            with errors_end_the_command(common):
                result = function(common, **values)
                print_result(result, common, show)
                if result.exit_code:
                    raise typer.Exit(result.exit_code)

        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        del run.__wrapped__
        text = "\n\n".join(
            [
                inspect.cleandoc(function.__doc__ or ""),
                f"Reads: {reads}",
                f"Writes: {writes}",
                f"Example: {example}",
            ]
        )
        app.command(name, help=text)(run)
        return function

    return register


def _own_options(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """A command function's own parameters; the type it returns is not looked up, to keep help quick."""
    _, *own = inspect.signature(function).parameters.values()
    return [
        p.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=eval(p.annotation, function.__globals__))  # noqa: S307
        for p in own
    ]


@contextmanager
def errors_end_the_command(common: Common) -> Iterator[None]:
    """Print an error in words, and exit with its code."""
    try:
        yield
    except AlcliError as error:
        fail(error, common)
    except MemoryError:
        fail(AlcliError("memory ran out", hint="close other programs, or use a machine with more"), common)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        from alcli.tables.atomic import file_error

        fail(file_error(error), common)
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:
        if common.verbose:
            raise
        words = f"{type(error).__name__}: {error}"
        fail(
            AlcliError(f"this is a bug in alcli: {words}", hint="please report it, with what -v shows"),
            common,
        )


def fail(error: AlcliError, common: Common) -> None:
    """Say what is wrong, where, and what to do; exit with the error's code."""
    if common.json:
        found = {"kind": error.kind, "message": error.message, "where": error.where, "hint": error.hint}
        print_json({"error": found})
    else:
        console = make_console(stderr=True)
        place = f"{error.where}: " if error.where else ""
        console.print(f"[bold red]error:[/] {_plain(place + error.message)}", soft_wrap=True)
        if error.hint:
            for line in error.hint.split("; "):
                console.print(f"[dim]{_plain(line)}[/]", soft_wrap=True)
    raise typer.Exit(error.exit_code) from error


def print_result(result: Result, common: Common, show: Shown | None) -> None:
    """One JSON document, or sentences (and what `show` draws) on stdout with warnings on stderr."""
    if common.json:
        print_json(document(result))
        return
    if common.quiet:
        return
    warn(result.warnings)
    console = common.console
    for line in result.summary:
        console.print(_plain(line), soft_wrap=True)
    if show is not None:
        show(result, common)


def print_json(found: dict[str, Any]) -> None:
    """One JSON document on stdout; escapes stand for what its encoding lacks."""
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "")
    print(json.dumps(found, ensure_ascii=encoding != "utf8"))


def document(result: Result) -> dict[str, Any]:
    """The JSON document of a command."""
    return {
        "command": result.command,
        "round": result.round,
        "changed": result.changed,
        "counts": dict(result.counts),
        "files": list(result.files),
        "warnings": list(result.warnings),
        **result.more,
    }


def aligned(rows: Sequence[Sequence[str]], *, right: bool = True) -> list[str]:
    """Rows of cells as aligned lines: the first column to the left, the others to the right or left.

    Plain text: nothing in it is taken for a style, and no line ends in blanks.
    """
    from rich.cells import cell_len

    widths = [max(cell_len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        if right:
            cells[1:] = [cell.rstrip().rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def print_lines(common: Common, lines: Sequence[str], *, dim_first: bool = False) -> None:
    """Print plain lines; the first may be a header."""
    for number, line in enumerate(lines):
        style = "dim" if dim_first and number == 0 else None
        common.console.print(line, style=style, markup=False, soft_wrap=True)


def print_hanging(common: Common, head: Sequence[tuple[str, str]], paragraphs: Sequence[str]) -> None:
    """Print styled words, then paragraphs beside them, folded at the width of a terminal."""
    from rich.text import Text

    console = common.console
    left = sum(len(word) for word, _ in head)
    room = max(40, console.width - left) if console.is_terminal else 10**6
    first, *others = [
        line
        for text in paragraphs
        for line in textwrap.wrap(text, room, break_on_hyphens=False, break_long_words=False) or [""]
    ]
    console.print(Text.assemble(*head, first), soft_wrap=True)
    for line in others:
        console.print(Text(" " * left + line, style="dim"), soft_wrap=True)


def warn(warnings: Sequence[str]) -> None:
    """Print warnings, on stderr."""
    if warnings:
        console = make_console(stderr=True)
        for warning in warnings:
            console.print(f"[yellow]warning:[/] {_plain(warning)}", soft_wrap=True)


def make_console(*, stderr: bool) -> Console:
    """A console that colours for terminals only, and obeys NO_COLOR."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, emoji=False)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


@contextmanager
def progress_bar(common: Common, what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on stderr where that is a terminal; else nothing."""
    if common.quiet or common.json or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=make_console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

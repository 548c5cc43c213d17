"""Which files a path, folder or glob means; needs no library, so that `status` is quick."""

from __future__ import annotations

from pathlib import Path

from alcli.errors import FileError

PARQUET = (".parquet", ".pq")
CSV = (".csv", ".tsv")


def local_files(location: str, base: Path) -> list[Path]:
    """The data files at a location relative to `base`, sorted by name; none where a folder or glob has none.

    Raises:
        FileError: there is no such file or folder.
    """
    path = base / location
    if path.is_dir():
        return sorted(p for p in path.rglob("*") if _is_data(p, path))
    if path.exists():
        return [path]
    if any(sign in location for sign in "*?["):
        root = Path(path.anchor) if Path(location).is_absolute() else base
        pattern = str(path.relative_to(root))
        return sorted(p for p in root.glob(pattern) if p.is_file() and _is_data(p, root))
    raise FileError("there is no such file or folder", where=location, hint="check the path")


def path_in_messages(path: Path, base: Path) -> str:
    """A path as messages call it: relative to the project where it lies in there."""
    return str(path.relative_to(base) if path.is_relative_to(base) else path)


def _is_data(path: Path, root: Path) -> bool:
    if any(part.startswith((".", "_")) and part != ".." for part in path.relative_to(root).parts):
        return False
    return path.suffix.lower() in (*PARQUET, *CSV)

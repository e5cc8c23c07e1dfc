"""Files appear whole or not at all."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from segmentation.data.atomic import appearing_whole, write_whole


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """The old file stays, and neither draft nor anything beside it is left over."""
    target = tmp_path / "table.csv"
    target.write_text("old")

    def fail() -> None:
        with appearing_whole(target) as draft:
            draft.write_text("half")
            draft.with_name("table.csv-wal").write_text("beside")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_file_or_folder_replaces_what_was_there(tmp_path: Path) -> None:
    """Under its final name, only at the end."""
    write_whole(tmp_path / "a", "old")
    with appearing_whole(tmp_path / "a") as draft:
        draft.write_text("new")
        assert (tmp_path / "a").read_text() == "old"
    assert (tmp_path / "a").read_text() == "new"
    with appearing_whole(tmp_path / "folder") as draft:
        draft.mkdir()
        (draft / "part").touch()
        assert not (tmp_path / "folder").exists()
    assert (tmp_path / "folder" / "part").exists()


def test_the_first_of_many_wins_where_none_may_overwrite(tmp_path: Path) -> None:
    """Every writer goes on with one and the same content; only the user may read a secret."""
    target = tmp_path / "secret"

    def write(number: int) -> str:
        write_whole(target, str(number), private=True, overwrite=False)
        return target.read_text()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(write, range(32)))) == 1
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]

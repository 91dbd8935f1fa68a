"""Settings are added to `.env`: its lines stay, and every reader gets the same values."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest
from dotenv import dotenv_values

from webstore.errors import EnvFileError
from webstore.provisioning.env_file import add_to_env_file, quoted

#: Every text of up to three of these characters, and some as they occur.
AWKWARD = [
    *["".join(value) for length in (1, 2, 3) for value in product("a '\"\\$`#", repeat=length)],
    *[
        "",
        "it's",
        "pa$$word",
        "a # b",
        "#hash",
        "~/x",
        "a=b=c",
        "{a,b}",
        "*",
        "!!",
        "a;b",
        "a\\nb",
        "ä€",
        "${HOME}",
    ],
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def by_python_dotenv(path: Path) -> dict[str, str | None]:
    return dotenv_values(path, interpolate=False)


def by_a_shell(path: Path) -> dict[str, str]:
    script = 'set -eua; . "$1"; env -0'
    printed = subprocess.run(  # noqa: S603  # the file is the test's own
        ["/bin/sh", "-c", script, "sh", path],
        env={"PATH": os.environ["PATH"], "WEBSTORE_ENV_FILE": ""},
        capture_output=True,
        check=True,
    ).stdout.decode()
    return dict(line.split("=", 1) for line in printed.split("\0") if line)


def test_every_value_is_read_alike_by_python_dotenv_and_a_shell_or_refused(path: Path) -> None:
    values, refused = {}, []
    for number, value in enumerate(AWKWARD):
        try:
            quoted(value)
        except ValueError:
            refused.append(value)
        else:
            values[f"V_{number}"] = value
    assert add_to_env_file(path, values) == tuple(values)
    assert by_python_dotenv(path) == values
    assert {name: value for name, value in by_a_shell(path).items() if name.startswith("V_")} == values
    assert all(set(value) & set("$`") and set(value) & set("'\\") for value in refused)
    assert 0 < len(refused) < len(AWKWARD) / 4


@pytest.mark.parametrize("value", ["a\nb", "a\x00b", "a\tb", "\x1b[31m", "a\u200bb", "a\udc80", "it's $5"])
def test_a_value_that_cannot_be_written_is_refused_and_not_shown(path: Path, value: str) -> None:
    path.write_text("A=1\n")
    with pytest.raises(EnvFileError, match=r"^SECRET has a .*Nothing was written") as refused:
        add_to_env_file(path, {"B": "2", "SECRET": value})
    assert value not in str(refused.value)
    assert path.read_text() == "A=1\n"


@pytest.mark.parametrize("value", ["sk_test_51Abc", "http://127.0.0.1:8000", "my-shop.eu.auth0.com"])
def test_a_usual_value_has_no_quotes(path: Path, value: str) -> None:
    add_to_env_file(path, {"A": value})
    assert path.read_text() == f"A={value}\n"


def test_a_new_file_is_for_its_owner_alone_from_the_first_byte(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush, seen = os.fsync, []

    def fsync(handle: int) -> None:
        seen.append(os.fstat(handle))
        flush(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    before = os.umask(0)
    try:
        assert add_to_env_file(path, {"A": "1", "B": "2"}) == ("A", "B")
    finally:
        os.umask(before)
    file, folder = seen
    assert (stat.S_IMODE(file.st_mode), file.st_size) == (0o600, len("A=1\nB=2\n"))
    assert stat.S_ISDIR(folder.st_mode)
    assert mode(path) == 0o600


@pytest.mark.parametrize(
    ("before", "after"), [(0o644, 0o600), (0o600, 0o600), (0o640, 0o640), (0o666, 0o600)]
)
def test_a_file_that_others_could_read_is_for_its_owner_alone_afterwards(
    path: Path, before: int, after: int
) -> None:
    path.write_text("A=1\n")
    path.chmod(before)
    add_to_env_file(path, {"B": "2"})
    assert mode(path) == after


def test_comments_and_order_stay_and_empty_names_are_filled_in_their_place(path: Path) -> None:
    path.write_text(
        "# The store\n\nBASE_URL=https://shop.example.com # ours\n\n# Signs the cookies\n"
        "  export KEY=   # at least 32\nDOMAIN=''\nID = \"\"\n#NEW=no\nLAST="
    )
    values = {"NEW": "1", "KEY": "a b", "DOMAIN": "d", "ID": "i", "LAST": "l"}
    assert add_to_env_file(path, values) == tuple(values)
    assert path.read_text() == (
        "# The store\n\nBASE_URL=https://shop.example.com # ours\n\n# Signs the cookies\n"
        "  export KEY='a b'   # at least 32\nDOMAIN=d\nID=i\n#NEW=no\nLAST=l\nNEW=1\n"
    )
    assert by_a_shell(path).items() >= {**values, "BASE_URL": "https://shop.example.com"}.items()


def test_the_example_can_be_filled_in(path: Path) -> None:
    example = (Path(__file__).parents[3] / ".env.example").read_text()
    path.write_text(example)
    before = by_python_dotenv(path)
    values = {"APP_SECRET_KEY": "it's a secret", "STRIPE_SECRET_KEY": "sk_test_1", "WEB_CONCURRENCY": "3"}
    add_to_env_file(path, values)
    assert by_python_dotenv(path) == {**before, **values}
    assert len(path.read_text().splitlines()) == len(example.splitlines()) + 1


def test_line_ends_of_windows_stay(path: Path) -> None:
    path.write_bytes(b"A=1\r\nB=\r\n")
    add_to_env_file(path, {"B": "2", "C": "3"})
    assert path.read_bytes() == b"A=1\r\nB=2\r\nC=3\r\n"


def test_a_value_is_never_overwritten_and_nothing_else_is_written_then(path: Path) -> None:
    text = "A=hush\nB=2\n"
    path.write_text(text)
    with pytest.raises(EnvFileError) as refused:
        add_to_env_file(path, {"NEW": "1", "A": "other", "B": "3"})
    assert "has another value for A and B already" in str(refused.value)
    assert "hush" not in str(refused.value)
    assert path.read_text() == text


def test_the_same_value_again_changes_nothing(path: Path) -> None:
    add_to_env_file(path, {"A": "it's"})
    before = path.stat()
    assert add_to_env_file(path, {"A": "it's"}) == ()
    assert path.stat().st_ino == before.st_ino  # it was not even replaced


def test_of_a_name_that_stands_there_twice_the_last_one_counts(path: Path) -> None:
    path.write_text("A=1\nA=\n")
    assert add_to_env_file(path, {"A": "2"}) == ("A",)
    assert path.read_text() == "A=1\nA=2\n"


@pytest.mark.parametrize("line", ["A", "A='open", 'A="open', "A='1' 2"])
def test_a_file_with_a_broken_line_is_left_alone(path: Path, line: str) -> None:
    text = f"# one\n\nB=1\n\n{line}\nC=3\n"
    path.write_text(text)
    with pytest.raises(EnvFileError, match="line 5,"):
        add_to_env_file(path, {"D": "1"})
    assert path.read_text() == text


def test_a_symbolic_link_stays_and_its_file_is_changed(path: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "settings").write_text("A=1\n")
    path.symlink_to(Path("shared") / "settings")
    add_to_env_file(path, {"B": "2"})
    assert path.is_symlink()
    assert (shared / "settings").read_text() == "A=1\nB=2\n"
    assert sorted(it.name for it in tmp_path.iterdir()) == [".env", "shared"]


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process grow."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_the_old_file_stays(path: Path, tmp_path: Path) -> None:
    path.write_text("A=1\n")
    with full_disk(), pytest.raises(EnvFileError, match=r"cannot be written: .*It is as it was"):
        add_to_env_file(path, {"B": "2"})
    assert path.read_text() == "A=1\n"
    assert [it.name for it in tmp_path.iterdir()] == [".env"]


def test_ctrl_c_leaves_nothing_half_written(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    path.write_text("A=1\n")
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        add_to_env_file(path, {"B": "2"})
    assert path.read_text() == "A=1\n"
    assert [it.name for it in tmp_path.iterdir()] == [".env"]


def test_what_is_no_text_file_is_refused_in_words(path: Path, tmp_path: Path) -> None:
    with pytest.raises(EnvFileError, match="is not a file"):
        add_to_env_file(tmp_path, {"A": "1"})
    path.write_bytes(b"A=\xff\n")
    with pytest.raises(EnvFileError, match="is not a text in UTF-8"):
        add_to_env_file(path, {"A": "1"})
    with pytest.raises(EnvFileError, match="cannot be written: No such file"):
        add_to_env_file(tmp_path / "missing" / ".env", {"A": "1"})


def test_a_name_must_be_one(path: Path) -> None:
    with pytest.raises(EnvFileError, match="cannot be the name of a setting"):
        add_to_env_file(path, {"A\nB": "1"})
    assert not path.exists()

from pathlib import Path

import pytest

from gitcoord.config import shipped
from gitcoord.errors import BadInput
from gitcoord.runs.workflow import read_workflow


def write(folder: Path, text: str) -> Path:
    file = folder / "own.toml"
    file.write_text(text)
    return file


def test_shipped_investigation_runs_its_three_roles_in_order() -> None:
    workflow = read_workflow(shipped("templates") / "workflows" / "investigation.toml")
    assert [task.role for task in workflow.tasks] == ["detective", "researcher", "analyst"]


def test_tasks_come_after_what_they_need_however_they_are_written(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        '[[task]]\nname="b"\nrole="x"\nneeds=["a"]\n[[task]]\nname="a"\nrole="x"\n',
    )
    assert [task.name for task in read_workflow(file).tasks] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("task = 3", "[[task]]"),
        ('[[task]]\nname="a"\n', "a name and a role"),
        ('[[task]]\nname="a"\nrole="x"\nneeds=["z"]\n', "'z', which is no task"),
        ('[[task]]\nname="a"\nrole="x"\n[[task]]\nname="a"\nrole="x"\n', "same name"),
        (
            '[[task]]\nname="a"\nrole="x"\nneeds=["b"]\n[[task]]\nname="b"\nrole="x"\nneeds=["a"]\n',
            "circle",
        ),
        ("not toml", "cannot be read"),
    ],
)
def test_a_graph_that_cannot_end_is_refused_with_file_and_task(
    tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(BadInput) as refused:
        read_workflow(write(tmp_path, text))
    assert says in refused.value.message
    assert "own.toml" in refused.value.message

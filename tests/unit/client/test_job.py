"""Jobs that know where they came from."""

import copy
import pickle
from pathlib import Path

import pytest

from steepest.client.job import Job
from steepest.spec import answers
from steepest.spec.states import JobState
from tests.unit.client.fake import DATASET, JOB, FakeService


@pytest.fixture
def service() -> FakeService:
    return FakeService()


def test_every_job_of_a_client_can_ask_on(service: FakeService) -> None:
    client = service.client()
    made = client.jobs.create(dataset=DATASET, target="species")
    listed = next(client.jobs.list())
    for job in (made, listed, client.jobs.get(JOB), client.jobs.update(JOB, name="n")):
        assert job.refresh().id == JOB
    ended = made.wait()
    assert ended.status is JobState.SUCCEEDED
    assert [epoch.epoch for epoch in ended.history()] == [1, 2, 3, 4]
    assert 'class="line training"' in ended.plot().svg


def test_a_running_job_is_cancelled(service: FakeService) -> None:
    client = service.client()
    assert client.jobs.create(dataset=DATASET, target="species").cancel().status is JobState.CANCELLED


def test_it_is_an_answer_like_any_other(service: FakeService) -> None:
    job = service.client().jobs.get(JOB)
    plain = answers.Job.model_validate_json(job.model_dump_json())
    assert isinstance(job, answers.Job)
    assert job.model_dump() == plain.model_dump()
    assert Job.model_json_schema() == answers.Job.model_json_schema() | {
        "description": Job.model_json_schema()["description"]
    }


def test_where_it_came_from_neither_counts_nor_travels(service: FakeService) -> None:
    job = service.client().jobs.get(JOB)
    service.status, service.epoch = "queued", -1
    same = service.client().jobs.get(JOB)
    assert job == same
    assert copy.deepcopy(job) == copy.copy(job) == job.model_copy() == job
    assert copy.deepcopy(job).refresh().id == JOB
    stored = pickle.loads(pickle.dumps(job))
    assert stored == job
    for alone in (stored, Job.model_validate(job.model_dump())):
        with pytest.raises(RuntimeError, match=f"came from no client: client.jobs.get\\('{JOB}'\\)"):
            alone.refresh()


def test_a_picture_is_shown_and_saved(service: FakeService, tmp_path: Path) -> None:
    picture = service.client().jobs.get(JOB).wait().plot()
    assert picture._repr_svg_() == picture.svg
    assert picture.svg in picture._repr_html_()
    assert picture.save(tmp_path / "curve.svg").read_text("utf-8") == picture.svg
    page = picture.save(tmp_path / "curve.HTML").read_text("utf-8")
    assert picture.svg in page
    assert page.startswith("<!doctype html>")
    with pytest.raises(ValueError, match=r"end it in \.svg or \.html"):
        picture.save(tmp_path / "curve.png")


def test_a_name_cannot_become_markup(service: FakeService, tmp_path: Path) -> None:
    client = service.client()
    client.jobs.create(dataset=DATASET, target="species", name="</title><script>alert(1)</script>")
    picture = client.jobs.wait(JOB).plot()
    assert "<script" not in picture.svg
    assert "<script" not in picture.save(tmp_path / "curve.html").read_text("utf-8")
    assert repr(picture).startswith("Picture(title='Loss by epoch: </title>")


def test_the_best_epoch_is_marked_once_it_is_known(service: FakeService) -> None:
    client = service.client()
    job = client.jobs.get(JOB)
    assert "best:" not in job.plot().svg
    assert "best: epoch 4" in job.wait().plot().svg

"""A worker of the GPU queue: started by the spawn method, and only where there is a GPU."""

from typing import Any

import pytest

from worker import app as module


@pytest.mark.parametrize("queues", ["gpu", ["gpu"], "short, gpu", None, "", []])
def test_it_spawns_one_child(queues: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "why_not", lambda: None)
    conf: dict[str, object] = {}
    module._choose_device(conf=conf, options={"queues": queues})
    assert conf == {"worker_pool_start_method": "spawn", "worker_concurrency": 1}


def test_it_refuses_to_start_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "why_not", lambda: "CUDA finds no GPU")
    with pytest.raises(SystemExit, match="jobs for a GPU, but CUDA finds no GPU"):
        module._choose_device(conf={}, options={"queues": "gpu"})


@pytest.mark.parametrize("options", [{"concurrency": 4}, {"concurrency": "auto"}, {"autoscale": "4,1"}])
def test_it_refuses_to_take_several_jobs_at_a_time(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "why_not", lambda: None)
    with pytest.raises(SystemExit, match="one job at a time"):
        module._choose_device(conf={}, options={"queues": "gpu", **options})
    module._choose_device(conf={}, options={"queues": "gpu", "concurrency": 1, "autoscale": None})


def test_a_worker_of_all_queues_but_the_gpus_is_left_as_it_is() -> None:
    conf: dict[str, object] = {}
    module._choose_device(conf=conf, options={"queues": [], "exclude_queues": "gpu", "concurrency": 4})
    assert not conf


@pytest.mark.parametrize("queues", ["cpu", ["short"], "short,cpu"])
def test_other_workers_are_left_as_they_are(queues: Any) -> None:
    conf: dict[str, object] = {}
    module._choose_device(conf=conf, options={"queues": queues})
    assert not conf

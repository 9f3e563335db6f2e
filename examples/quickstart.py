"""From a table to a trained network on a service. Start one first, in another terminal: `make up`."""

from pathlib import Path

import steepest

client = steepest.Client()
dataset = client.datasets.wait(client.datasets.upload(Path(__file__).with_name("iris.csv")))
job = client.jobs.wait(client.jobs.create(dataset=dataset, target="species"))
if job.result is None:
    raise SystemExit(f"{job.id} {job.status}: {job.error and job.error.detail}")
print("test accuracy:", job.result.test_accuracy)
client.weights.download(job, "iris.safetensors")
print(client.predictions.create(job, [{"petal_length": 4.7, "petal_width": 1.4}]))

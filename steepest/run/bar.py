"""A progress bar over the epochs of one network or several."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from steepest.trainer.records import EpochRecord, Failed, Finished, Item, Progress

Show = Callable[[Item | Failed], None]


def no_bar(item: Item | Failed) -> None:
    """Show nothing."""


@contextmanager
def bar(epochs: int, nets: int) -> Iterator[Show]:
    """A bar over at most `epochs` epochs of each of some networks, with the latest loss."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("epoch"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )
    totals = [float(epochs)] * nets
    done = [0.0] * nets
    with Bar(*columns) as progress:
        task = progress.add_task("training", total=sum(totals), loss="")

        def show(item: Item | Failed) -> None:
            loss = progress.tasks[0].fields["loss"]
            if isinstance(item, EpochRecord):
                figure = item.training_loss if item.validation_loss is None else item.validation_loss
                done[item.net], loss = item.epoch, f"loss {figure:.4g}"
            elif isinstance(item, Progress):
                done[item.net] = item.epoch - 1 + item.step / item.steps_per_epoch
            elif isinstance(item, Finished | Failed):
                totals[item.net] = done[item.net] = item.epochs
            progress.update(task, total=sum(totals), completed=sum(done), loss=loss)

        yield show

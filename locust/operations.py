"""What a user does next: operations in the proportion of the mix."""

# Locust types its own functions only in part.
# mypy: disable-error-code="untyped-decorator"

from typing import TYPE_CHECKING, Any

from locust import TaskSet, task

if TYPE_CHECKING:
    from item_user import ItemUser


class Operations(TaskSet):
    """What a user does. The weights are the default of --mix, which the deck deals out."""

    user: "ItemUser"

    @task(60)
    def retrieve(self) -> None:
        if known := self.user.current.known.pick():
            self.user.retrieve(known)
        elif self.user.current.load.writes:  # all that it knew of is gone
            self.user.create()
        else:
            self.user.list_page()

    @task(15)
    def list(self) -> None:
        self.user.list_page()

    @task(20)
    def create(self) -> None:
        self.user.create()

    @task(0)
    def update(self) -> None:
        if known := self.user.current.known.take_any():
            self.user.update(known)
        else:
            self.user.create()

    @task(5)
    def delete(self) -> None:
        if known := self.user.current.known.take():
            self.user.delete(known)
        else:
            self.user.create()

    @classmethod
    def show(cls, mix: tuple[int, ...]) -> None:
        """For Locust's table of the current ratio."""
        cls.tasks = [
            task for task, weight in zip(IN_ORDER, mix, strict=True) for _ in range(weight)
        ]

    def get_next_task(self) -> Any:
        run = self.user.current
        return IN_ORDER[run.deck.draw(run.can_do)]

    def _sleep(self, seconds: float) -> None:
        self.user.pause(seconds)


IN_ORDER = (
    Operations.retrieve,
    Operations.list,
    Operations.create,
    Operations.update,
    Operations.delete,
)

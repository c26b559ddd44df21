"""Sequential: one task after the other, each done before the next begins.

Not concurrent (never two tasks in flight), not parallel (never two cores busy).
"""

from course_lib.models.stage import Stage


def play(stage: Stage) -> None:
    """Do the tasks in the order of their arrival."""
    stage.begin()
    for index in stage.arrivals():
        stage.perform(index)
    stage.end()

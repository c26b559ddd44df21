"""What a learner moves: pictures that answer to the hand, in the browser."""

from course_lib.explore.player import play, running_numbers

__all__ = ["play", "running_numbers"]

"""What a learner moves: pictures that answer to the hand, in the browser."""

from course_lib.explore.amdahl import amdahl
from course_lib.explore.cafe import cafe
from course_lib.explore.player import play, running_numbers

__all__ = ["amdahl", "cafe", "play", "running_numbers"]

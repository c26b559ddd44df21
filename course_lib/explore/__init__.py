"""What a learner moves: pictures that answer to the hand, in the browser."""

from course_lib.explore.amdahl import amdahl
from course_lib.explore.cafe import cafe
from course_lib.explore.player import play, running_numbers
from course_lib.explore.scheduler import every_order, scheduler

__all__ = ["amdahl", "cafe", "every_order", "play", "running_numbers", "scheduler"]

"""Programs of the lessons: to observe, to measure and to draw; some run in a process of their own."""

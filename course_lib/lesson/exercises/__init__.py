"""The exercises, a module a lesson: what is asked, the hints, and the check of what was seen."""

#: Which module holds a lesson's exercises.
LESSONS = {
    "01_definitions": "definitions",
    "02_quadrant": "quadrant",
    "03_timelines": "timelines",
    "04_coffee_bar": "coffee",
    "07_misconceptions": "claims",
}

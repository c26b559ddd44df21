"""The exercises, a module a lesson: what is asked, the hints, and the check of what was seen."""

#: Which module holds a lesson's exercises.
LESSONS = {
    "01_definitions": "definitions",
    "02_quadrant": "quadrant",
    "03_timelines": "timelines",
    "04_coffee_bar": "coffee",
    "05_when_each_matters": "choose",
    "06_models": "models",
    "07_misconceptions": "claims",
    "08_amdahl": "amdahl",
    "09_beyond_amdahl": "beyond",
    "10_history": "history",
    "11_beyond_one_machine": "machines",
    "12_capstone": "capstone",
}

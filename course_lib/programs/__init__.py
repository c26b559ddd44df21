"""Real programs, which the lessons observe: a picture to compute, a web server under load."""

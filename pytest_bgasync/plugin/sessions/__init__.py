"""What a whole session tells: objects of pytest, each registered only where it is used.

They stand in the process that has the terminal: with xdist the controller, to which the workers'
reports bring what their tests have seen.
"""

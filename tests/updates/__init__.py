"""Updates, carried out: RAUC itself, on a small card that is made with the recipe's own functions.

The test is the firmware: it reads autoboot.txt and config.txt off the card as the board's does, and
looks whether the slot that they name is whole.
"""

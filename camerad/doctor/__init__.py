"""``camerad doctor``: whether a camera can be handed out, part by part, for whoever looks after it.

Every check reads or tries something, and judges that by a pure function of what was read; what it
may come to is a table (`camerad.doctor.findings`), with a sentence and a cure in each language
(`camerad.doctor.wording`). `camerad.doctor.runner` has the checks in their order. None is
waited for for ever: what may hang in the kernel is looked at by processes of its own
(`camerad.doctor.isolated_check`).

While the daemon runs, it has the camera, the lines and the display: then the doctor asks it, and
says what cannot be tested meanwhile. Without it, the doctor claims the store, so that none starts
in between, and takes the devices itself, through the parts that the daemon is made of. Nothing is
recorded, and no picture and no sound is kept: of the camera it hears numbers only
(`camerad.stream.vitals`), and samples are overwritten as soon as their loudness is known.
"""

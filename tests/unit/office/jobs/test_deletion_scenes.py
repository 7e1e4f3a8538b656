"""O4: recordings and their replicas go on their day, held ones stay, and lost ones come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from .deletion_scene import Office, Scene

SCENES = {
    "o4 what is due goes with its replica, and not before": """
        take ONE TWO; look; here ONE TWO; copied ONE TWO; same ONE TWO; locked ONE TWO
        until ONE -1s; look; here ONE TWO; copied ONE TWO
        pass 2s; look; here; copied""",
    "before the office has a ledger nothing is done": "look; copied",
    "o4 a hold is a legal hold, and its release ends that": """
        take ONE TWO; look; hold ONE; look; locked+held ONE; locked TWO
        pass 300d; restart; look; here ONE; copied ONE; release ONE; look; here; copied""",
    "a hold that is released in time leaves the lock as it was": """
        take ONE; hold ONE; look; locked+held ONE; release ONE; look; locked ONE""",
    "while no clock is trusted a hold stands in, and the lock follows": """
        take ONE; distrust; look; held ONE; trust; look; locked ONE""",
    "a lock needs no hold when the clock is not trusted later": """
        take ONE; look; distrust; restart; look; locked ONE
        hold ONE; look; locked+held ONE; release ONE; look; locked ONE""",
    "an end that no clock of the camera dates is counted from the entry": """
        undated ONE; delete; pass 3d; look; locked ONE""",
    "o4 of a camera whose clock was ahead no lock is counted from its word": """
        take ONE; set -5d; look; pass 6d; restart; look; sooner ONE""",
    "what was changed in the store is as the ledger says again, a lock within a day": """
        take ONE TWO; hold ONE; look; unhold ONE; unlock TWO; look; locked+held ONE
        pass 1d; look; locked TWO""",
    "what cannot be deleted yet keeps no other, and is tried until it is gone": """
        take ONE TWO; look; postpone ONE; pass 14d; look; here; copied ONE
        pass 30d; restart; look; copied""",
    "while the store is away that is known, and deletion catches up": """
        take ONE; look; works; pass 30d; unplug; look; here; fails; plug; look; works; copied""",
    "a clock that was set anew within the entry's run proves nothing": """
        undated ONE; delete; set 2d; look; held ONE; copied ONE""",
    "o4 an untrusted clock deletes nothing early, and uptime counts all the same": """
        take ONE; look; distrust; set 400d; look; here ONE; pass 15d; look; here""",
    "o4 a hold with an end is over by itself, and what is due goes": """
        take ONE TWO; look; hold ONE 19d; hold TWO 9d; pass 9d 1h; look; here ONE TWO
        pass 5d; look; here ONE; pass 4d 22h; look; here ONE; pass 2h; look; here; copied""",
    "o4 a hold ends by trusted time alone": """
        take ONE; look; hold ONE 1d; distrust; pass 28d; look; here ONE; trust; look; here""",
    "o4 of several holds the last end counts, and one without an end stays": """
        take ONE TWO; look; hold ONE 30d; hold ONE; hold TWO 60d; hold TWO 30d
        pass 59d; look; here ONE TWO; pass 2d; look; here ONE""",
    "o4 what lies in the replicas alone goes on its day too, and a hold keeps it": """
        take ONE TWO THREE; hold THREE; look; lose ONE THREE; look; copied ONE TWO THREE
        pass 30d; look; here; copied THREE; restore; restored THREE; here THREE""",
    "o4 what went while the store was away for weeks goes, by older parts of the ledger": """
        take ONE TWO; hold ONE; hold TWO; look; pass 30d; unplug; release ONE
        look; pass 3d; look; pass 3d; look; pass 3d; look; pass 3d; look; here TWO
        plug; restart; look; copied TWO""",
    "a replica that is missing or of another length is made again": """
        take ONE TWO; look; cut ONE; look; same ONE TWO""",
    "what is gone from the directory comes back, and goes on its day": """
        take ONE TWO THREE; look; lose ONE TWO; restore ONE; restored ONE; restore; restored TWO
        same ONE TWO THREE; look; here ONE TWO THREE; pass 30d; look; here; copied""",
    "a directory that was lost as a whole comes back": """
        take ONE TWO; look; lose; restore; restored ONE TWO; same ONE TWO; look; locked ONE
        pass 30d; look; here; copied""",
    "no other file is ever written over": """
        take ONE; look; overwrite ONE; restore ONE; restored; because another file has its place""",
    "what was deleted in time does not come back": """
        take ONE; look; unplug; empty; pass 30d; look; plug
        restore; restored; because deleted it in its time; look; copied""",
    "a replica that is not authentic does not come back": """
        take ONE; look; spoil ONE; lose ONE; restore; restored; here""",
    "a replica that is no recording does not come back": """
        take ONE; look; cut ONE; lose ONE; restore; restored; here""",
    "a recording by a camera that is unknown does not come back": """
        take ONE; look; lose; forget; restore; restored; because is not in the register""",
    "of a camera that left the register what the ledger names comes back": """
        take ONE; look; lose ONE; forget; restore ONE; restored ONE""",
}


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_o4_scene(scene: str, tmp_path: Path) -> None:
    Scene(Office(tmp_path)).play(scene)

"""What a provisioning file makes: the camera's configuration, and files for the system around it.

All pure. The formats: timesyncd.conf(5) of systemd, sshd(8), "AUTHORIZED_KEYS FILE FORMAT", of
OpenSSH, and wpa_supplicant.conf(5).
"""

from __future__ import annotations

import hashlib

from camerad.config.provisioning import Provisioning, Wifi
from camerad.provisioning.kept import CONFIG, SSH, TIME, WIFI

_ROUNDS = 4096
_KEY_BYTES = 32


def made_of(provisioning: Provisioning) -> dict[str, str]:
    """Content of each file that follows from a provisioning file, by name."""
    file = provisioning.file
    made = {CONFIG: provisioning.config}
    if file.time.servers:
        made[TIME] = f"[Time]\nNTP={' '.join(file.time.servers)}\nFallbackNTP=\n"
    if file.ssh is not None:
        made[SSH] = f"{file.ssh.key}\n"
    if file.wifi is not None:
        made[WIFI] = _wifi(file.wifi)
    return made


def _wifi(wifi: Wifi) -> str:
    """The passphrase itself stands nowhere: what is kept opens this one network, as the passphrase
    would, and does not tell what else the office calls by that word."""
    return (
        f"country={wifi.country}\n"
        "network={\n"
        f"    ssid={wifi.ssid.encode().hex()}\n"
        f"    psk={pre_shared_key(wifi.ssid, wifi.passphrase)}\n"
        "    key_mgmt=WPA-PSK WPA-PSK-SHA256\n"
        "}\n"
    )


def pre_shared_key(ssid: str, passphrase: str) -> str:
    """The key of a WPA2 network, 64 hexadecimal digits (IEEE 802.11-2020, J.4.1)."""
    key = hashlib.pbkdf2_hmac("sha1", passphrase.encode(), ssid.encode(), _ROUNDS, _KEY_BYTES)
    return key.hex()

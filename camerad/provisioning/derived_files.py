"""Files derived from a provisioning file: the camera's configuration, and the system's files.

All pure. The formats: timesyncd.conf(5) and systemd.network(5), sshd(8), "AUTHORIZED_KEYS FILE
FORMAT", of OpenSSH, and wpa_supplicant.conf(5).
"""

from __future__ import annotations

import hashlib
import re

from camerad.config.provisioning import Provisioning, Wifi
from camerad.provisioning.provisioning_state import CONFIG, NETWORK, OFFICE, SSH, TIME, WIFI

_ROUNDS = 4096
_KEY_BYTES = 32


def derive_files(provisioning: Provisioning) -> dict[str, str]:
    """Content of each file that follows from a provisioning file, by name."""
    file = provisioning.file
    made = {
        CONFIG: provisioning.config,
        NETWORK: _network(host_name(provisioning.settings.device.id)),
    }
    if file.time.servers:
        made[TIME] = f"[Time]\nNTP={' '.join(file.time.servers)}\nFallbackNTP=\n"
    if file.ssh is not None:
        made[SSH] = f"{file.ssh.key}\n"
    if file.office is not None:
        made[OFFICE] = f"{file.office.url}\n"
    if file.wifi is not None:
        made[WIFI] = _wifi(file.wifi)
    return made


def host_name(device: str) -> str:
    """A camera's host name in the dock's network: its name in letters that a host may have (RFC
    1123, 2.1), small ones, since there large ones are the same. device: `device.id`."""
    return re.sub("[^a-z0-9-]", "-", device.lower()).strip("-")


def _network(host: str) -> str:
    """A camera's addition to the network settings of all: without it every camera would have the
    same name in DHCP."""
    return f"[DHCPv4]\nHostname={host}\n\n[DHCPv6]\nHostname={host}\n"


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

"""The doctor's findings about the office's server, in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from camerad.doctor.check_results import FindingId
from camerad.doctor.wording.catalogue import Sentence

OFFICE_FINDINGS: Final[Mapping[FindingId, Sentence]] = {
    FindingId.OFFICE_OK: Sentence("The office's server {url} answers, and knows this camera."),
    FindingId.OFFICE_NONE: Sentence(
        "This camera's settings name no office's server; it hands nothing over by itself.",
        "If the office has a server, make a new file that names it, with --office-url, --office-ca "
        "and --office-server-key. Put it onto the camera's card (docs/technician.md, step 11).",
    ),
    FindingId.OFFICE_NOT_DOCKED: Sentence(
        "The camera is not in its dock, so it has no network.",
        "To check whether it reaches the office, put it into its dock.",
    ),
    FindingId.OFFICE_NO_NETWORK: Sentence(
        "The doctor has no network here, so it did not ask the office.",
        "At its start the camera runs the doctor without a network. To ask the office, run it by "
        "hand: sudo camerad doctor --only office. If it says this again, check the dock's cable.",
    ),
    FindingId.OFFICE_UNSIGNED: Sentence(
        "The doctor cannot ask the office in this camera's name: {why}",
        "Run camerad doctor with sudo, and while the daemon runs.",
    ),
    FindingId.OFFICE_NO_ADDRESS: Sentence(
        "The address of the office's server {url} cannot be found.",
        "Check that the dock has a network, and its cable. Check the name in office.url, and that "
        "the network's name server knows it.",
    ),
    FindingId.OFFICE_UNREACHED: Sentence(
        "The office's server {url} cannot be reached.",
        "Check the dock's cable and network. Check that the server runs (there: systemctl status "
        "camerad-office), and that no firewall closes its port. Other docks too? Then it is the "
        "server.",
    ),
    FindingId.OFFICE_CA_WRONG: Sentence(
        "office.ca in the camera's configuration is no certificate.",
        "Make a new file with the office's authority, and put it onto the camera's card "
        "(docs/technician.md, step 11).",
    ),
    FindingId.OFFICE_STRANGER: Sentence(
        "What answers at {url} has a certificate by another authority than the camera trusts. The "
        "camera trusts SHA-256 {trusted}. The server's is by {issuer}, SHA-256 {shown}.",
        "On the server, this shows the fingerprint of its authority: sudo openssl x509 -noout "
        "-fingerprint -sha256 -in /etc/camerad-office/office-tls/authority.pem. If the camera "
        "trusts another, make a new file with that authority, and put it onto the camera's card "
        "(docs/technician.md, step 11). If it is the same, another computer answers at this "
        "address: look for it.",
    ),
    FindingId.OFFICE_OUT_OF_TIME: Sentence(
        "The certificate of {url} is valid from {begins} to {ends}. By the camera's clock it is "
        "not valid today.",
        "Check the camera's clock, above. If it is right, renew the certificate on the server "
        "(docs/office.md): put authority.key back, run camerad office init DIR --config FILE as "
        "the server's user, restart camerad-office, and move authority.key away again.",
    ),
    FindingId.OFFICE_OTHER_NAME: Sentence(
        "The certificate of the office's server is not for {url}.",
        "Compare office.url in the camera's file with url in the office's settings. They have to "
        "be the same.",
    ),
    FindingId.OFFICE_UNREGISTERED: Sentence(
        "The office does not take this camera's signature. Its server's register lacks the key "
        "({thumbprint}), or the server is called otherwise than the camera calls it ({url}).",
        "The log of the office's server says which. If the register lacks the key: run camerad "
        "provision collect on the camera's card at the desk, unless that was done since it was "
        "last set up, and put the desk's register.json into place on the server. If the key was "
        "taken out of the register, the camera counts as lost: ask why. If not: office.url in the "
        "camera's file and url in the office's settings have to be the same to the letter.",
    ),
    FindingId.OFFICE_WITHDRAWN: Sentence(
        "The office has withdrawn this camera, and takes nothing of it.",
        "Ask the office why. An administrator takes it back on the desk's page.",
    ),
    FindingId.OFFICE_REFUSES: Sentence(
        "The office's server answers, but not as it should: {why}",
        "Look at the log of the office's server.",
    ),
    FindingId.OFFICE_TAKES_NOTHING: Sentence(
        "The office's server {url} answers and knows this camera, but takes nothing.",
        "Mostly its storage is full or fails. On the server: journalctl -u camerad-office.",
    ),
    FindingId.OFFICE_NOT_EVERY: Sentence(
        "The office's server {url} does not take every recording of this camera.",
        "The camera's log names them, and why: sudo journalctl -u camerad-upload.",
    ),
    FindingId.OFFICE_UPLOAD_FAILS: Sentence(
        "The office's server {url} answers, but handing over fails at the camera itself.",
        "The camera's log says why: sudo journalctl -u camerad-upload.",
    ),
    FindingId.OFFICE_UPLOAD_SILENT: Sentence(
        "The office's server {url} answers, but the service camerad-upload says nothing.",
        "sudo systemctl restart camerad-upload. If that does not help: sudo journalctl -u "
        "camerad-upload.",
    ),
}

"""Locks of uploads: only the holder of the offset's lock writes or removes an upload."""

from __future__ import annotations

from camerad.container.recording_ids import RecordingId
from camerad.office.server.directory_locks import claim_file
from camerad.office.server.upload_errors import UploadError, UploadRefusal
from camerad.office.server.upload_files import UploadFiles


def claim(files: UploadFiles, recording: RecordingId) -> int | None:
    """Claim an upload until the descriptor is closed: no other holder writes or removes it.
    None if there is none. Raises UploadError if another holder has it, and StorageError."""
    try:
        return claim_file(files.offset)
    except BlockingIOError as error:
        raise UploadError(
            UploadRefusal.BUSY,
            f"another request works on the upload of {recording}; ask again when it has ended",
        ) from error


def claim_there(files: UploadFiles, recording: RecordingId) -> int:
    """The same; raises UploadError besides if it was removed just now."""
    found = claim(files, recording)
    if found is None:
        raise UploadError(
            UploadRefusal.NO_UPLOAD, f"the upload of {recording} was removed; declare it"
        )
    return found

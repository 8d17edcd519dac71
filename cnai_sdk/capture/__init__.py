"""What a function needs to run elsewhere: its source, its values, its local modules.

Belongs here: reading cells and files, following names, refusing what cannot travel, writing the
script. Never here: running captured code, backends, widgets, anything that starts a process.
"""

from cnai_sdk.capture.call import Captured, capture
from cnai_sdk.capture.literal import literal
from cnai_sdk.capture.secrets import check_secret

__all__ = ["Captured", "capture", "check_secret", "literal"]

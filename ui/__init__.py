"""The page in a browser: `python -m ui`."""

import os

# Before gradio is imported: no usage statistics leave this machine.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

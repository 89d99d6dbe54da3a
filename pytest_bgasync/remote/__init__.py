"""What runs elsewhere: inside ansible-playbook, on hosts, and while an image is built. Nothing here is imported.

Each of these folders has rules of its own for what its files may import, see docs/architecture.md.
"""

from pathlib import Path

_HERE = Path(__file__).parent
#: What runs inside ansible-playbook.
CONTROLLER = _HERE / "controller"
#: What runs on hosts.
HOST = _HERE / "host"
#: What every image of a host is made with.
IMAGE = _HERE / "image"

"""What an administrator sets a cluster up with.

Belongs here: the objects (roles, policies, ceilings, a student's namespace) as two kustomize bases,
`base` and `student`, and making one's own of them. Never here: a request to a cluster, since an
administrator's own kubectl sends them, and the ceilings' meaning (`backends/kubernetes/ceilings`).
"""

from cnai_sdk.admin.manifests import Setup, manifests, written
from cnai_sdk.admin.people import Subject

__all__ = ["Setup", "Subject", "manifests", "written"]
